import { own } from '../../common/own.js';
import type { Pod, WorkloadKey } from '../core/types.js';
import { ofWorkload, variablesIn } from '../promql/template.js';
import { ownKey } from '../rules/own-signals.js';
import type { OwnSignal, SignalQuery } from '../rules/types.js';
import type { Assignment } from './assignments.js';
import { absentTable, type SignalTable, type SignalTables } from './signals.js';

const UNASKED = 'not queried: it needs a query for each workload, with the names of its pods';

/**
 * Queries of the signals that rules define themselves and that are asked for each workload, by key.
 *
 * @param pods undefined while they are not known: expressions that name them are not asked
 */
export function queriesByWorkload(
  assignments: Iterable<Assignment>,
  pods: ((workload: WorkloadKey) => readonly Pod[]) | undefined,
): Record<string, SignalQuery> {
  const queries: Record<string, SignalQuery> = {};
  for (const { key, group, rule } of assignments) {
    for (const [name, { template, maxAge }] of Object.entries(own(group.own ?? {}, rule.scale) ?? {})) {
      if (template === undefined) continue;
      const { namespace, kind, name: workload } = rule.scaleTargetRef;
      const names = variablesIn(template).has('pods') ? namesOf(pods?.(key)) : [];
      if (!names) continue;
      const expr = ofWorkload(template, { namespace, kind, workload, pods: names });
      queries[keyFor({ key, group, rule }, name)] = { expr, maxAge, isBuiltIn: false };
    }
  }
  return queries;
}

/** Undefined without pods, too: an alternation of no names matches the empty one. */
function namesOf(pods: readonly Pod[] | undefined): string[] | undefined {
  const names = pods?.filter(({ deleted }) => !deleted).map(({ name }) => name);
  return names && names.length > 0 ? names.sort() : undefined;
}

/** Tables of the signals of a group, without those that one rule defines for itself. */
export function commonTables(tables: SignalTables): SignalTables {
  return new Map([...tables].filter(([name]) => !name.includes('/')));
}

/** Tables of the signals that the rule of a workload defines itself, by name; undefined without any. */
export function ownTables(tables: SignalTables, assignment: Assignment): SignalTables | undefined {
  const { group, rule } = assignment;
  const signals = own(group.own ?? {}, rule.scale);
  if (!signals) return undefined;
  const tableOf = (name: string, { template }: OwnSignal): SignalTable => {
    const shared = ownKey(group.name, rule.scale, name);
    const found = tables.get(template === undefined ? shared : keyFor(assignment, name));
    return found ?? absentTable({ absent: 'missing', text: UNASKED });
  };
  return new Map(Object.entries(signals).map(([name, signal]) => [name, tableOf(name, signal)]));
}

function keyFor({ key, group, rule }: Assignment, signal: string): string {
  return `${ownKey(group.name, rule.scale, signal)} of ${key}`;
}

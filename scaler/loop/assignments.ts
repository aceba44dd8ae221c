import { selects } from '../../common/label-selector.js';
import { restrict } from '../core/restrictions.js';
import { workloadKey, type Rule, type ScaleTargetRef, type WorkloadKey } from '../core/types.js';
import type { WatchedWorkload } from '../kubernetes/objects.js';
import type { RuleGroup, WorkloadMatch } from '../rules/types.js';

/** A workload and the one rule that scales it. */
export interface Assignment {
  readonly key: WorkloadKey;
  readonly group: RuleGroup;
  readonly rule: Rule;
}

/**
 * Assigns every workload to at most one rule: to the rule that names it, else to the first fleet rule that it matches,
 * in the order of the files. Two rules that scale one workload would fight. The annotations of the workload restrict the
 * rule.
 */
export function assign(
  groups: readonly RuleGroup[],
  workloads: readonly WatchedWorkload[],
): ReadonlyMap<WorkloadKey, Assignment> {
  const assignments = new Map<WorkloadKey, Assignment>();
  const add = (group: RuleGroup, rule: Rule): void => {
    const key = workloadKey(rule.scaleTargetRef);
    if (!assignments.has(key)) assignments.set(key, { key, group, rule });
  };
  for (const group of groups) {
    for (const rule of group.rules) if ('scaleTargetRef' in rule) add(group, rule);
  }
  for (const group of groups) {
    for (const rule of group.rules) {
      if (!('match' in rule)) continue;
      for (const { ref, labels } of workloads) {
        if (matches(rule.match, ref, labels)) add(group, { ...rule, scaleTargetRef: ref });
      }
    }
  }
  for (const { ref, annotations } of workloads) {
    const key = workloadKey(ref);
    const assignment = annotations && assignments.get(key);
    if (assignment) assignments.set(key, { ...assignment, rule: restrict(assignment.rule, annotations) });
  }
  return assignments;
}

function matches(
  { apiVersion, kind, namespaces, selector }: WorkloadMatch,
  ref: ScaleTargetRef,
  labels: Readonly<Record<string, string>>,
): boolean {
  return (
    ref.apiVersion === apiVersion &&
    ref.kind === kind &&
    (namespaces?.includes(ref.namespace) ?? true) &&
    selects(selector, labels)
  );
}

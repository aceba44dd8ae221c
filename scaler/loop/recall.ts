import type { WorkloadKey } from '../core/types.js';
import { keyOfLabels } from '../promql/freshness.js';
import { withMatchers } from '../promql/matchers.js';
import type { Grid, RangeResult } from '../promql/range.js';
import type { QueryFailed } from '../promql/response.js';
import { WORKLOAD } from '../promql/signals.js';
import type { RuleGroup } from '../rules/types.js';

/** Seconds between two looks at the past: a usual scrape interval. */
const STEP = 15;
/** Seconds that a start takes: a period that is not longer has passed. */
const START = 30;

/** Replicas of each workload wherever they changed, the oldest first. */
export type PastReplicas = ReadonlyMap<
  WorkloadKey,
  readonly { readonly at: number; readonly replicas: number }[]
>;

/**
 * Reads from Prometheus the replicas that scalers before this one exported, as far back as the rules' policies look: one
 * query for all workloads, none where no period outlasts a start.
 *
 * @param matchers label matchers for the query; undefined: none
 */
export async function recallReplicas(
  range: (expr: string, grid: Grid) => Promise<RangeResult>,
  groups: readonly RuleGroup[],
  now: number,
  matchers: string | undefined,
): Promise<PastReplicas | QueryFailed> {
  const period = longestPeriod(groups);
  if (period <= START) return new Map();
  const count = Math.ceil(period / STEP) + 1;
  const grid = { from: now - (count - 1) * STEP, step: STEP, count };
  const expr = `max by (${WORKLOAD}) (kernscale_rule_current_replicas)`;
  const result = await range(matchers === undefined ? expr : withMatchers(expr, matchers), grid);
  if (!result.ok) return result;
  const past = new Map<WorkloadKey, { at: number; replicas: number }[]>();
  for (const { labels, values, present } of result.series) {
    const seen: { at: number; replicas: number }[] = [];
    values.forEach((replicas, index) => {
      const isNews = present[index] === 1 && Number.isInteger(replicas) && seen.at(-1)?.replicas !== replicas;
      if (isNews) seen.push({ at: grid.from + index * STEP, replicas });
    });
    const key = keyOfLabels(labels);
    if (key !== undefined) past.set(key, seen);
  }
  return past;
}

function longestPeriod(groups: readonly RuleGroup[]): number {
  const rules = groups.flatMap(
    (group) => group.rules as readonly Pick<RuleGroup['rules'][number], 'behavior'>[],
  );
  const limits = rules.flatMap(({ behavior }) => (behavior ? [behavior.scaleUp, behavior.scaleDown] : []));
  const periods = limits.flatMap(({ policies }) => policies.map(({ periodSeconds }) => periodSeconds));
  return Math.max(0, ...periods);
}

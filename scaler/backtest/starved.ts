import { KernscaleError } from '../../common/errors.js';
import type { WorkloadKey } from '../core/types.js';
import { keyOfLabels } from '../promql/freshness.js';
import { withMatchers } from '../promql/matchers.js';
import type { Grid, RangeResult } from '../promql/range.js';

/** Seconds of one sum: Prometheus holds the samples of so long in memory at once. */
const PART = 3600;

/**
 * Sums up for how long the pods of each workload were starved of CPU.
 *
 * @param range evaluates an expression at every time of a grid
 * @returns pod-seconds by workload; none for one that is not measured
 * @throws KernscaleError `PROMETHEUS_ANSWER`
 */
export async function starvedSeconds(
  range: (expr: string, grid: Grid) => Promise<RangeResult>,
  { from, step, count }: Grid,
  matchers: string | undefined,
): Promise<ReadonlyMap<WorkloadKey, number>> {
  const length = (count - 1) * step;
  const parts = Math.max(1, Math.ceil(length / PART));
  const seconds = Math.max(step, Math.ceil(length / parts));
  const increase = `increase(kernscale_cpu_starved_seconds_total{container=""}[${Math.ceil(seconds)}s])`;
  const expr = `sum by (namespace, workload, workload_kind) (${increase})`;
  const restricted = matchers === undefined ? expr : withMatchers(expr, matchers);
  const result = await range(restricted, { from: from + seconds, step: seconds, count: parts });
  if (!result.ok) throw new KernscaleError('PROMETHEUS_ANSWER', result.message);
  const found = new Map<WorkloadKey, number>();
  for (const { labels, values, present } of result.series) {
    const key = keyOfLabels(labels);
    const sum = values.reduce((total, value, index) => (present[index] ? total + value : total), 0);
    if (key !== undefined) found.set(key, sum);
  }
  return found;
}

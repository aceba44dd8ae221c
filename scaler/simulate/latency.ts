import type { Latency } from './controller.js';
import { boundOf, BUCKETS } from './counters.js';

/**
 * Quantile of a histogram, linear within its bucket as `histogram_quantile` of Prometheus; NaN for an empty one.
 *
 * @param first place of the first bucket in `counts`
 */
export function quantileOf(counts: Float64Array, quantile: number, first = 0): number {
  let total = 0;
  for (let bucket = 0; bucket < BUCKETS; bucket++) total += counts[first + bucket]!;
  let below = 0;
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const count = counts[first + bucket]!;
    if (count === 0 || below + count < quantile * total) {
      below += count;
      continue;
    }
    const lower = bucket === 0 ? 0 : boundOf(bucket - 1);
    return lower + ((boundOf(bucket) - lower) * (quantile * total - below)) / count;
  }
  return NaN;
}

/** @param seconds sum of the latencies */
export function latencyOf(
  counts: Float64Array,
  seconds: number,
  answered: number,
  first = 0,
): Latency | undefined {
  if (answered <= 0) return undefined;
  return { mean: seconds / answered, p99: quantileOf(counts, 0.99, first), answered };
}

import type { Histogram } from 'bpf-linker-napi';

/**
 * How the kernel's buckets lie in a native histogram of schema 0, whose bucket i holds 2^(i-1) < v <= 2^i: exactly,
 * but for both ends. The kernel's first bucket has no lower bound and becomes the zero bucket; its last has no upper
 * bound and becomes the bucket after the highest bound, so that 2^7 s stands for all that took longer than 2^6 s.
 *
 * https://prometheus.io/docs/specs/native_histograms/
 */
export interface NativeLayout {
  /** Observations up to here are in the zero bucket. */
  readonly zeroThreshold: number;
  /** Schema 0's index of the kernel's bucket 0; the others follow one by one. */
  readonly firstIndex: number;
}

export interface NativeBuckets {
  readonly zeroCount: number;
  /** Index of the first of `counts`. */
  readonly offset: number;
  /** From the first to the last bucket that is not empty. */
  readonly counts: Float64Array;
}

/** @param bounds upper bounds of the kernel's buckets: consecutive powers of two */
export function nativeLayout(bounds: readonly number[]): NativeLayout {
  const zeroThreshold = bounds[0]!;
  return { zeroThreshold, firstIndex: Math.log2(zeroThreshold) };
}

/** One span without gaps: it only ever grows, so a scraper never takes a bucket's end for a restart. */
export function nativeBuckets({ buckets }: Histogram, { firstIndex }: NativeLayout): NativeBuckets {
  let first = 1;
  let end = buckets.length;
  while (end > first && buckets[end - 1] === 0) end--;
  while (first < end && buckets[first] === 0) first++;
  return { zeroCount: buckets[0]!, offset: firstIndex + first, counts: buckets.subarray(first, end) };
}

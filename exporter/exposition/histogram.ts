import type { Histogram } from 'bpf-linker-napi';
import type { TextFormat } from './format.js';

/** The kernel's buckets that become buckets of a classic histogram. */
export interface ClassicLayout {
  /** The kernel's buckets up to and including this index count into the bucket. */
  readonly lastBucket: readonly number[];
  readonly upperBound: readonly number[];
  /** The bounds as the text of `le` labels. */
  readonly le: readonly string[];
}

/**
 * Selects some of the kernel's bounds, which are powers of two. Buckets are merged, never split, so every line is exact.
 *
 * @param exponents of the powers of two to select; all powers of four by default
 */
export function classicLayout(
  bounds: readonly number[],
  format: TextFormat,
  exponents?: readonly number[],
): ClassicLayout {
  const exposed = bounds
    .map((bound, index) => ({ bound, index, exponent: Math.log2(bound) }))
    .filter(({ exponent }) => exponents?.includes(exponent) ?? exponent % 2 === 0);
  return {
    lastBucket: exposed.map(({ index }) => index),
    upperBound: exposed.map(({ bound }) => bound),
    le: exposed.map(({ bound }) => formatBound(bound, format)),
  };
}

/** Formats a bound as Go's strconv does, so that the label is the same in every format that Prometheus reads. */
export function formatBound(bound: number, format: TextFormat): string {
  if (bound < 1e-4) return bound.toExponential().replace(/e-(\d)$/, 'e-0$1');
  if (format === 'openmetrics' && Number.isInteger(bound)) return `${bound}.0`;
  return String(bound);
}

/**
 * Place of the kernel's buckets in a native histogram of schema 0, whose bucket i holds 2^(i-1) < v <= 2^i. They match
 * exactly except at both ends: the kernel's first bucket has no lower bound and becomes the zero bucket, its last has no
 * upper bound and becomes the bucket after the highest bound, so that 2^7 s stands for everything above 2^6 s.
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

/** Returns one span without gaps: it only ever grows, so a scraper never takes a bucket's end for a restart. */
export function nativeBuckets({ buckets }: Histogram, { firstIndex }: NativeLayout): NativeBuckets {
  let first = 1;
  let end = buckets.length;
  while (end > first && buckets[end - 1] === 0) end--;
  while (first < end && buckets[first] === 0) first++;
  return { zeroCount: buckets[0]!, offset: firstIndex + first, counts: buckets.subarray(first, end) };
}

export function isEmpty({ buckets, sum }: Histogram): boolean {
  if (sum !== 0) return false;
  for (let index = 0; index < buckets.length; index++) if (buckets[index] !== 0) return false;
  return true;
}

/**
 * A distribution of positive values that forgets: weights by logarithmic bucket, newer values weighing more. Plain JSON.
 *
 * A quantile is the mean of the bucket that it lies in, whose bounds are a factor of 1.1 apart.
 */
export interface Digest {
  /** Time at which a value has the weight 1, seconds since the epoch. */
  readonly origin: number;
  /**
   * Number, weight and weighted sum of each bucket, in turns and in order: 0.1 is in bucket -24. Flat, because a large fleet
   * has hundreds of thousands of digests.
   */
  readonly buckets: readonly number[];
}

export const EMPTY_DIGEST: Digest = { origin: 0, buckets: [] };

const WIDTH = Math.log(1.1);
const SMALLEST = 1e-7;
/** Bucket of what is practically zero. */
const ZERO = -1000;
/** Numbers of a bucket. */
const STRIDE = 3;
/** Seconds in which a weight halves: a day ago weighs an eighth. */
const HALF_LIFE = 8 * 3600;
/** Half-lives after which the weights are expressed for a new origin. */
const LONGEST_RUN = 16;
/** Of the heaviest bucket; lighter ones are forgotten with a new origin. */
const NEGLIGIBLE = 1e-4;

/** The digest with one more value. */
export function addValue(digest: Digest, value: number, now: number): Digest {
  const { origin, buckets } = isEmpty(digest) ? { origin: now, buckets: [] } : renewed(digest, now);
  const bucket = value < SMALLEST ? ZERO : Math.round(Math.log(value) / WIDTH);
  const weight = 2 ** ((now - origin) / HALF_LIFE);
  let at = 0;
  while (at < buckets.length && buckets[at]! < bucket) at += STRIDE;
  const isKnown = buckets[at] === bucket;
  const [before, sum] = isKnown ? [buckets[at + 1]!, buckets[at + 2]!] : [0, 0];
  const added = [bucket, before + weight, sum + weight * value];
  const rest = buckets.slice(isKnown ? at + STRIDE : at);
  return { origin, buckets: [...buckets.slice(0, at), ...added, ...rest] };
}

/** The value below which a fraction of the weight lies; undefined for an empty digest. */
export function quantile({ buckets }: Digest, fraction: number): number | undefined {
  let total = 0;
  for (let at = 0; at < buckets.length; at += STRIDE) total += buckets[at + 1]!;
  let below = 0;
  for (let at = 0; at < buckets.length; at += STRIDE) {
    const weight = buckets[at + 1]!;
    below += weight;
    if (below >= fraction * total) return buckets[at + 2]! / weight;
  }
  return undefined;
}

export function isEmpty({ buckets }: Digest): boolean {
  return buckets.length === 0;
}

function renewed(digest: Digest, now: number): Digest {
  const age = (now - digest.origin) / HALF_LIFE;
  if (age < LONGEST_RUN) return digest;
  const { buckets } = digest;
  const scale = 2 ** -age;
  let heaviest = 0;
  for (let at = 0; at < buckets.length; at += STRIDE) heaviest = Math.max(heaviest, buckets[at + 1]!);
  const kept: number[] = [];
  for (let at = 0; at < buckets.length; at += STRIDE) {
    const [bucket, weight, sum] = [buckets[at]!, buckets[at + 1]!, buckets[at + 2]!];
    if (weight > NEGLIGIBLE * heaviest) kept.push(bucket, weight * scale, sum * scale);
  }
  return { origin: now, buckets: kept };
}

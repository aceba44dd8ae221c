/**
 * A distribution of positive values that forgets: weights by logarithmic bucket, newer values weighing more. Plain JSON.
 *
 * A quantile is the mean of the bucket that it lies in, whose bounds are a factor of 1.1 apart.
 */
export interface Digest {
  /** Time at which a value has the weight 1, seconds since the epoch. */
  readonly origin: number;
  /** Weight and weighted sum by bucket: 0.1 is in bucket `-24`, what is practically zero in bucket `zero`. */
  readonly buckets: Readonly<Record<string, readonly [weight: number, sum: number]>>;
}

export const EMPTY_DIGEST: Digest = { origin: 0, buckets: {} };

const WIDTH = Math.log(1.1);
const SMALLEST = 1e-7;
/** Seconds in which a weight halves: a day ago weighs an eighth. */
const HALF_LIFE = 8 * 3600;
/** Half-lives after which the weights are expressed for a new origin. */
const LONGEST_RUN = 16;
/** Of the heaviest bucket; lighter ones are forgotten with a new origin. */
const NEGLIGIBLE = 1e-4;

/** The digest with one more value. */
export function addValue(digest: Digest, value: number, now: number): Digest {
  const { origin, buckets } = isEmpty(digest) ? { origin: now, buckets: {} } : renewed(digest, now);
  const bucket = value < SMALLEST ? 'zero' : String(Math.round(Math.log(value) / WIDTH));
  const weight = 2 ** ((now - origin) / HALF_LIFE);
  const [before, sum] = buckets[bucket] ?? [0, 0];
  return { origin, buckets: { ...buckets, [bucket]: [before + weight, sum + weight * value] } };
}

/** The value below which a fraction of the weight lies; undefined for an empty digest. */
export function quantile({ buckets }: Digest, fraction: number): number | undefined {
  const sorted = Object.values(buckets).sort((a, b) => meanOf(a) - meanOf(b));
  let total = 0;
  for (const [weight] of sorted) total += weight;
  let below = 0;
  for (const bucket of sorted) {
    below += bucket[0];
    if (below >= fraction * total) return meanOf(bucket);
  }
  return undefined;
}

function meanOf([weight, sum]: readonly [weight: number, sum: number]): number {
  return sum / weight;
}

export function isEmpty({ buckets }: Digest): boolean {
  for (const _ in buckets) return false;
  return true;
}

function renewed(digest: Digest, now: number): Digest {
  const age = (now - digest.origin) / HALF_LIFE;
  if (age < LONGEST_RUN) return digest;
  const scale = 2 ** -age;
  const buckets = Object.entries(digest.buckets);
  const heaviest = Math.max(...buckets.map(([, [weight]]) => weight));
  const kept = buckets.filter(([, [weight]]) => weight > NEGLIGIBLE * heaviest);
  return {
    origin: now,
    buckets: Object.fromEntries(
      kept.map(([bucket, [weight, sum]]) => [bucket, [weight * scale, sum * scale]]),
    ),
  };
}

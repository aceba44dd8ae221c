import type { ThreadState } from '../core/measures.js';

/** Thread states in the order of their counters. */
export const STATES: readonly ThreadState[] = [
  'oncpu',
  'runqueue',
  'throttled',
  'disk',
  'network',
  'lock',
  'ipc',
  'sleep',
  'idle',
  'other',
];

/** Places of thread states. */
export const ONCPU = 0;
export const RUNQUEUE = 1;
export const THROTTLED = 2;
export const DISK = 3;
export const NETWORK = 4;
export const LOCK = 5;
export const SLEEP = 7;
export const IDLE = 8;
export const OTHER = 9;

/** From a state of all threads to the same of those that serve. */
export const SERVING = STATES.length;

export const STARVED = 2 * SERVING;
export const ARRIVED = STARVED + 1;
export const ANSWERED = STARVED + 2;
export const ABANDONED = STARVED + 3;
export const DROPPED = STARVED + 4;
export const IN_VAIN = STARVED + 5;
export const RETRIED = STARVED + 6;
/** Request-seconds. */
export const OUTSTANDING = STARVED + 7;
/** Sum of the serving times. */
export const SERVED = STARVED + 8;
export const THOUGHT = STARVED + 9;
export const THOUGHT_SECONDS = STARVED + 10;
/** First bucket of the latencies. */
export const LATENCY = STARVED + 11;

const PER_OCTAVE = 4;
const LEAST_EXPONENT = -10;
/** From under 1 ms to over 64 s. */
export const BUCKETS = 17 * PER_OCTAVE;

/** First counter of the first peer; each has {@link PEER_COUNTERS}. */
export const PEERS = LATENCY + BUCKETS;
export const SENT = 0;
export const SENT_ANSWERED = 1;
export const WAITED = 2;
export const SENT_OUTSTANDING = 3;
export const SENT_ABANDONED = 4;
export const SENT_FAILED = 5;
export const PEER_COUNTERS = 6;

/** Bucket of a latency, seconds. */
export function bucketOf(latency: number): number {
  const bucket = Math.ceil(PER_OCTAVE * (Math.log2(latency) - LEAST_EXPONENT));
  return bucket > 0 ? Math.min(bucket, BUCKETS - 1) : 0;
}

/** Upper bound of a bucket, seconds. */
export function boundOf(bucket: number): number {
  return 2 ** (LEAST_EXPONENT + bucket / PER_OCTAVE);
}

/**
 * Cumulative counters of a pod, as the exporter has them. Time in a state is the sum of the times of leaving it less those
 * of entering it, so that a change costs the same however many threads there are, and nothing is to do in between.
 */
export class Counters {
  readonly #values: Float64Array;
  /** Number of those that are in the state that a counter integrates. */
  readonly #levels: Int32Array;

  /** @param size number of counters */
  constructor(size: number) {
    this.#values = new Float64Array(size);
    this.#levels = new Int32Array(size);
  }

  get size(): number {
    return this.#values.length;
  }

  add(counter: number, amount: number): void {
    this.#values[counter]! += amount;
  }

  enter(counter: number, now: number): void {
    this.#values[counter]! -= now;
    this.#levels[counter]!++;
  }

  leave(counter: number, now: number): void {
    this.#values[counter]! += now;
    this.#levels[counter]!--;
  }

  level(counter: number): number {
    return this.#levels[counter]!;
  }

  at(counter: number, now: number): number {
    return this.#values[counter]! + this.#levels[counter]! * now;
  }

  /** Writes all counters as they are now. */
  read(into: Float64Array, now: number): void {
    into.set(this.#values);
    this.#addLevels(into, 0, LATENCY, now);
    this.#addLevels(into, PEERS, into.length, now);
  }

  #addLevels(into: Float64Array, from: number, until: number, now: number): void {
    const levels = this.#levels;
    for (let index = from; index < until; index++) into[index]! += levels[index]! * now;
  }
}

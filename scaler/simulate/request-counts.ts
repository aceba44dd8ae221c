import {
  ABANDONED,
  ANSWERED,
  ARRIVED,
  bucketOf,
  DROPPED,
  IN_VAIN,
  LATENCY,
  OUTSTANDING,
  RETRIED,
  SERVED,
  THOUGHT,
  THOUGHT_SECONDS,
  type Counters,
} from './counters.js';
import type { Request } from './request.js';

/** Shortest pause that counts as a think time, seconds. */
const LEAST_THOUGHT = 0.1;

/** What the exporter counts of a pod's requests. Arrived = answered + abandoned + dropped + outstanding, at any time. */
export class RequestCounts {
  /** Clients that gave up here and have not come back. */
  #givenUp = 0;

  /** @param skips the server notices that a client has gone, and drops its request */
  constructor(
    private readonly counters: Counters,
    private readonly skips: boolean,
  ) {}

  arrived({ thought, attempt, counted }: Request, now: number): void {
    if (!counted) return;
    const { counters } = this;
    counters.add(ARRIVED, 1);
    counters.enter(OUTSTANDING, now);
    if (thought >= LEAST_THOUGHT) {
      counters.add(THOUGHT, 1);
      counters.add(THOUGHT_SECONDS, thought);
    }
    if (attempt > 0 && this.#givenUp > 0) {
      this.#givenUp--;
      counters.add(RETRIED, 1);
    }
  }

  /** Its client has gone, which the server has noticed. */
  isSkipped({ counted, caller }: Request): boolean {
    return this.skips && counted && caller === undefined;
  }

  answered(request: Request, now: number): void {
    if (!request.counted || this.isSkipped(request)) return;
    const { counters } = this;
    const latency = now - request.arrivedAt;
    counters.add(ANSWERED, 1);
    counters.add(SERVED, latency);
    counters.add(LATENCY + bucketOf(latency), 1);
    counters.leave(OUTSTANDING, now);
    if (!request.caller) counters.add(IN_VAIN, 1);
  }

  /** The client of a request has gone: a server that does not notice answers it in vain. */
  left(now: number): void {
    this.#givenUp++;
    if (!this.skips) return;
    this.counters.add(ABANDONED, 1);
    this.counters.leave(OUTSTANDING, now);
  }

  dropped(request: Request, now: number): void {
    if (!request.counted || this.isSkipped(request)) return;
    this.counters.add(DROPPED, 1);
    this.counters.leave(OUTSTANDING, now);
  }
}

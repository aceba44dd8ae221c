import { DISK, NETWORK, SERVING, type Counters } from './counters.js';
import type { PodCpu } from './pod-cpu.js';
import type { Request } from './request.js';
import type { Threads } from './scenario.js';

/**
 * Counts the threads of a pod that are blocked, as the kernel sees them: a thread for each request that waits; or, of an
 * event loop and of goroutines, threads for disks only, and one poller that waits for peers while something is due and
 * nothing runs.
 */
export class BlockedThreads {
  readonly #polls: boolean;
  #due = 0;
  #polling = false;

  constructor(
    private readonly counters: Counters,
    private readonly cpu: PodCpu,
    private readonly threads: Threads,
  ) {
    this.#polls = typeof threads === 'string';
  }

  /** @param state place of the thread state */
  enter(request: Request, state: number, now: number): void {
    request.blocked = state;
    if (this.#polls && state === NETWORK) {
      this.#due++;
      this.poll(now);
    } else if (!this.#polls || state === DISK) {
      this.counters.enter(state, now);
      if (this.#serves(request)) this.counters.enter(state + SERVING, now);
    }
  }

  leave(request: Request, now: number): void {
    const state = request.blocked;
    request.blocked = -1;
    if (this.#polls && state === NETWORK) {
      this.#due--;
      this.poll(now);
    } else if (state >= 0 && (!this.#polls || state === DISK)) {
      this.counters.leave(state, now);
      if (this.#serves(request)) this.counters.leave(state + SERVING, now);
    }
  }

  /** Looks whether the poller waits; called after what runs has changed. */
  poll(now: number): void {
    if (!this.#polls) return;
    const polling = this.#due > 0 && this.cpu.jobs === 0;
    if (polling === this.#polling) return;
    this.#polling = polling;
    for (const state of [NETWORK, NETWORK + SERVING]) {
      if (polling) this.counters.enter(state, now);
      else this.counters.leave(state, now);
    }
  }

  /** An event loop's disk reads are done by threads that serve nothing, as far as the kernel can see. */
  #serves({ counted }: Request): boolean {
    return counted && this.threads !== 'loop';
  }
}

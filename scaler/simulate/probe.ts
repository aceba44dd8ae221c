import type { Actor, Events } from './events.js';
import { Request, type Origin, type Target } from './request.js';
import type { Readiness } from './scenario.js';

export interface Probed {
  /** Lets a probe in, as a request of its own. */
  probe(request: Request, now: number): void;
  judged(ready: boolean, now: number): void;
}

const NO_TARGET: Target = {
  accept: () => undefined,
  left: () => undefined,
};

/** Kubelet's readiness probe of one pod. The pod counts as unready until a first success. */
export class Probe implements Actor, Origin {
  readonly #id: number;
  #failures = 0;
  #startedAt = 0;
  #request: Request | undefined;

  constructor(
    private readonly events: Events,
    private readonly model: Readiness,
    private readonly pod: Probed,
    firstAt: number,
  ) {
    this.#id = events.add(this);
    events.set(this.#id, firstAt);
  }

  fire(now: number): void {
    if (this.#request) {
      this.#judge(false, now);
      return;
    }
    this.#startedAt = now;
    this.#request = new Request(undefined, this, NO_TARGET, now, 0, false);
    this.events.set(this.#id, now + this.model.timeout);
    this.pod.probe(this.#request, now);
  }

  ended(ok: boolean, since: number, now: number): void {
    // A probe that timed out may still be answered, when nobody asks any more.
    if (this.#request?.since === since) this.#judge(ok, now);
  }

  close(): void {
    this.#request = undefined;
    this.events.remove(this.#id);
  }

  #judge(ok: boolean, now: number): void {
    this.#request = undefined;
    this.#failures = ok ? 0 : this.#failures + 1;
    this.events.set(this.#id, Math.max(now, this.#startedAt + this.model.period));
    if (ok) this.pod.judged(true, now);
    else if (this.#failures >= this.model.failures) this.pod.judged(false, now);
  }
}

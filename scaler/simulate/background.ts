import { DISK } from './counters.js';
import type { Actor, Events } from './events.js';
import type { Pod } from './pod.js';
import type { Job } from './pod-cpu.js';
import type { Background } from './scenario.js';

/** A thread that serves nothing: a log flusher, a garbage collector. */
export class BackgroundThread implements Actor, Job {
  finish = 0;
  readonly serving = false;
  readonly #id: number;
  #onDisk = false;
  #nextAt: number;

  constructor(
    private readonly events: Events,
    private readonly pod: Pod,
    private readonly model: Background,
    firstAt: number,
  ) {
    this.#id = events.add(this);
    this.#nextAt = firstAt;
    events.set(this.#id, firstAt);
  }

  fire(now: number): void {
    if (this.#onDisk) {
      this.#onDisk = false;
      this.pod.counters.leave(DISK, now);
      this.#rest(now);
    } else if (this.model.cpu > 0) this.pod.cpu.start(this, this.model.cpu, now);
    else this.computed(now);
  }

  computed(now: number): void {
    if (this.model.disk === 0) {
      this.#rest(now);
      return;
    }
    this.#onDisk = true;
    this.pod.counters.enter(DISK, now);
    this.events.set(this.#id, now + this.model.disk);
  }

  close(): void {
    this.events.remove(this.#id);
  }

  #rest(now: number): void {
    this.#nextAt = Math.max(now, this.#nextAt + this.model.every);
    this.events.set(this.#id, this.#nextAt);
  }
}

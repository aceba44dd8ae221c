import type { PodLoad } from './controller.js';
import { ARRIVED, ONCPU, OUTSTANDING, STARVED } from './counters.js';
import type { Actor, Events } from './events.js';
import type { Pod } from './pod.js';

/** Longest window, seconds. */
const LONGEST = 60;
const READ = [ONCPU, STARVED, ARRIVED, OUTSTANDING];

/** Reads a few counters of every pod each second, as an agent beside the pod would. */
export class Meter implements Actor {
  readonly #id: number;
  readonly #rows = new Map<Pod, Float64Array>();

  constructor(
    private readonly events: Events,
    private readonly pods: ReadonlyMap<Pod, unknown>,
  ) {
    this.#id = events.add(this);
    events.set(this.#id, 0);
  }

  fire(now: number): void {
    this.events.set(this.#id, now + 1);
    for (const pod of this.#rows.keys()) if (!this.pods.has(pod)) this.#rows.delete(pod);
    for (const pod of this.pods.keys()) {
      pod.cpu.settle(now);
      let rows = this.#rows.get(pod);
      if (!rows) this.#rows.set(pod, (rows = new Float64Array((LONGEST + 1) * READ.length).fill(NaN)));
      const place = placeOf(now);
      for (const [index, counter] of READ.entries()) rows[place + index] = pod.counters.at(counter, now);
    }
  }

  /** Means over the last whole seconds, or since the pod's first. */
  over(pod: Pod, seconds: number, now: number): PodLoad | undefined {
    const rows = this.#rows.get(pod);
    if (!rows) return undefined;
    const end = Math.floor(now);
    const begin = Math.max(end - Math.min(seconds, LONGEST), Math.ceil(pod.startedAt ?? Infinity));
    const from = placeOf(begin);
    const until = placeOf(end);
    if (begin >= end || Number.isNaN(rows[from]!)) return undefined;
    const mean = (index: number): number => (rows[until + index]! - rows[from + index]!) / (end - begin);
    return { cpu: mean(0), starved: mean(1), requests: mean(2), concurrency: mean(3) };
  }
}

function placeOf(second: number): number {
  return (Math.round(second) % (LONGEST + 1)) * READ.length;
}

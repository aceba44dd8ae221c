import { STATES, type State } from 'bpf-linker-napi';
import { seriesKey } from '../identity/source.js';
import type { ContainerSeries } from './counters.js';

/** A workload, and the mean number of its threads in a state. */
export interface Busy {
  /** `namespace/workload` */
  readonly name: string;
  readonly threads: number;
}

/** Two scrapes that are closer than this tell little. */
const MIN_WINDOW_SECONDS = 1;
/** Threads of a workload that are shown as 0.00. */
const NEGLIGIBLE = 0.005;

/** Tells which workloads had the most threads in each state between the last two scrapes. */
export class Busiest {
  #seconds = new Map<string, Readonly<Record<State, number>>>();
  #at = -Infinity;
  #threads = new Map<string, Record<State, number>>();

  /** @param now seconds on a monotonic clock */
  observe(series: readonly ContainerSeries[], now: number): void {
    const window = now - this.#at;
    if (window < MIN_WINDOW_SECONDS) return;
    const before = this.#seconds;
    this.#at = now;
    this.#seconds = new Map();
    this.#threads = new Map();
    for (const { identity, counters } of series) {
      const key = seriesKey(identity);
      this.#seconds.set(key, counters.stateSeconds);
      const last = before.get(key);
      if (last) this.#add(`${identity.namespace}/${identity.workload}`, counters.stateSeconds, last, window);
    }
  }

  /** Returns, for each state that any workload was in, up to `count` workloads, the one with most threads first. */
  top(count: number): ReadonlyMap<State, readonly Busy[]> {
    const top = new Map<State, readonly Busy[]>();
    for (const state of STATES) {
      const busy = [...this.#threads]
        .map(([name, threads]) => ({ name, threads: threads[state] }))
        .filter(({ threads }) => threads >= NEGLIGIBLE)
        .sort((a, b) => b.threads - a.threads);
      if (busy.length > 0) top.set(state, busy.slice(0, count));
    }
    return top;
  }

  #add(
    name: string,
    seconds: Readonly<Record<State, number>>,
    last: Readonly<Record<State, number>>,
    window: number,
  ): void {
    const threads = this.#threads.get(name) ?? { ...NONE };
    this.#threads.set(name, threads);
    // A counter that is smaller than before was started over.
    for (const state of STATES) threads[state] += Math.max(0, seconds[state] - last[state]) / window;
  }
}

const NONE = Object.fromEntries(STATES.map((state) => [state, 0])) as Record<State, number>;

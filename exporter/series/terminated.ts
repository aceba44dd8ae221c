import type { ContainerCounters } from 'bpf-linker-napi';
import { addCounters } from './counters.js';
import type { ContainerSeries } from './families.js';
import { seriesKey, type ContainerIdentity } from '../identity/pods.js';
import type { CgroupKey } from '../identity/source.js';

/** A container whose cgroup is gone, with its final values. */
export interface Ended {
  readonly cgroup: CgroupKey;
  readonly identity: ContainerIdentity | undefined;
  readonly counters: ContainerCounters;
}

interface Retired {
  identity: ContainerIdentity;
  counters: ContainerCounters;
  endedAt: number;
  served: boolean;
}

/** Nobody scrapes: final values are not kept for longer than this. */
const UNSERVED_SECONDS = 600;

/**
 * Serves the final values of dead containers once more. When a container is restarted, its series goes on
 * from where the instance before it ended: the labels are the same, and a counter never goes backwards.
 */
export class RetiredContainers {
  readonly #byKey = new Map<string, Retired>();
  #unidentified: { ended: Ended; endedAt: number }[] = [];

  constructor(private readonly keepSeconds: number) {}

  get size(): number {
    return this.#byKey.size;
  }

  add(ended: Ended, now: number): void {
    const { identity, counters } = ended;
    if (!identity) {
      this.#unidentified.push({ ended, endedAt: now });
      return;
    }
    const known = this.#byKey.get(seriesKey(identity));
    const sum = known ? addCounters(known.counters, counters) : counters;
    this.#byKey.set(seriesKey(identity), { identity, counters: sum, endedAt: now, served: false });
  }

  /** Names containers that ended before the API told what they were. */
  identify(lookUp: (cgroup: CgroupKey, endedAt: number) => ContainerIdentity | undefined): void {
    const waiting = this.#unidentified;
    this.#unidentified = [];
    for (const { ended, endedAt } of waiting) {
      this.add({ ...ended, identity: lookUp(ended.cgroup, endedAt) }, endedAt);
    }
  }

  /** Joins what lives with what has ended. */
  serveWith(live: readonly ContainerSeries[]): ContainerSeries[] {
    const series = new Map<string, ContainerSeries>();
    for (const one of live) {
      const key = seriesKey(one.identity);
      const before = series.get(key) ?? this.#byKey.get(key);
      series.set(key, before ? { ...one, counters: addCounters(before.counters, one.counters) } : one);
    }
    for (const [key, retired] of this.#byKey) {
      retired.served = true;
      const { identity, counters } = retired;
      if (!series.has(key)) series.set(key, { identity, counters, live: false });
    }
    return [...series.values()];
  }

  /**
   * Forgets what was served for long enough, or not asked for at all.
   *
   * @param live keys of series whose container lives, perhaps again
   */
  expire(live: ReadonlySet<string>, now: number): void {
    for (const [key, { endedAt, served }] of this.#byKey) {
      const age = now - endedAt;
      const old = (served && age >= this.keepSeconds) || age >= UNSERVED_SECONDS;
      if (old && !live.has(key)) this.#byKey.delete(key);
    }
    this.#unidentified = this.#unidentified.filter(({ endedAt }) => now - endedAt < UNSERVED_SECONDS);
  }
}

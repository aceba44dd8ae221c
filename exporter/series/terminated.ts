import type { ContainerCounters } from 'bpf-linker-napi';
import type { CgroupKey } from '../cgroups/path.js';
import { seriesKey, type ContainerIdentity } from '../identity/source.js';
import { addContainers, addStarved, type ContainerSeries } from './counters.js';

/** A container whose cgroup is gone, with its final values. */
interface Ended {
  readonly cgroup: CgroupKey;
  readonly identity: ContainerIdentity | undefined;
  readonly counters: ContainerCounters;
  readonly starvedSeconds?: number;
}

interface Terminated {
  identity: ContainerIdentity;
  counters: ContainerCounters;
  starvedSeconds?: number;
  endedAt: number;
  served: boolean;
}

/** Final values expire after this long, even if no scrape has read them. */
const UNSERVED_SECONDS = 600;

/**
 * Exports the final values of terminated containers. When a container is restarted, its series continues where the
 * instance before it ended: the labels are the same, and a counter never decreases.
 */
export class TerminatedContainers {
  readonly #byKey = new Map<string, Terminated>();
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
    const sum = known ? addContainers(known.counters, counters) : counters;
    const starved = addStarved(known ?? {}, ended);
    this.#byKey.set(seriesKey(identity), {
      identity,
      counters: sum,
      ...starved,
      endedAt: now,
      served: false,
    });
  }

  /** Names containers that ended before their pod was known. */
  identify(lookUp: (cgroup: CgroupKey, endedAt: number) => ContainerIdentity | undefined): void {
    const waiting = this.#unidentified;
    this.#unidentified = [];
    for (const { ended, endedAt } of waiting) {
      this.add({ ...ended, identity: lookUp(ended.cgroup, endedAt) }, endedAt);
    }
  }

  /** Joins live containers with terminated ones. */
  join(live: readonly ContainerSeries[]): ContainerSeries[] {
    const series = new Map<string, ContainerSeries>();
    for (const one of live) {
      const key = seriesKey(one.identity);
      const before = series.get(key) ?? this.#byKey.get(key);
      const joined = before && {
        counters: addContainers(before.counters, one.counters),
        ...addStarved(before, one),
      };
      series.set(key, { ...one, ...joined });
    }
    for (const [key, terminated] of this.#byKey) {
      terminated.served = true;
      const { identity, counters } = terminated;
      if (!series.has(key))
        series.set(key, { identity, counters, ...addStarved(terminated, {}), live: false });
    }
    return [...series.values()];
  }

  /**
   * Drops what was served for long enough, or never requested.
   *
   * @param live keys of series whose container runs, perhaps again
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

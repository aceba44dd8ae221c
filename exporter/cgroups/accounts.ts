import { readFileSync } from 'node:fs';
import {
  CONTAINER_HISTOGRAMS,
  CONTAINER_SCALARS,
  STATES,
  type ContainerCounters,
  type Costs,
  type Snapshot,
} from 'bpf-linker-napi';
import { errorCode } from '../../common/errors.js';
import type { MeasuredCgroup } from './path.js';

interface Account {
  readonly slot: number;
  readonly cgroup: MeasuredCgroup;
  /** CPU time that it is billed for. */
  seconds: number;
  /** Of a pod: what was billed to its containers that are no longer tracked. */
  goneSeconds: number;
}

/**
 * Takes the place of the probes where none can run: the kernel's own account of the CPU time of each cgroup, and nothing
 * else. As with the probes, a pod is billed for what runs in it outside of its tracked containers.
 */
export class CgroupAccounts {
  readonly programs = [];
  readonly blockIoAttribution = undefined;
  readonly #accounts = new Map<bigint, Account>();
  /** Those of pods, by uid. */
  readonly #pods = new Map<string, Account>();
  #slots = 0;

  /** @param mountPoint of cgroup2 */
  constructor(private readonly mountPoint: string) {}

  track(cgroupId: bigint, cgroup: MeasuredCgroup): number {
    const known = this.#accounts.get(cgroupId);
    if (known) return known.slot;
    const account = { slot: ++this.#slots, cgroup, seconds: 0, goneSeconds: 0 };
    this.#accounts.set(cgroupId, account);
    if (cgroup.isPod) this.#pods.set(cgroup.podUid, account);
    return account.slot;
  }

  untrack(cgroupId: bigint): void {
    const account = this.#accounts.get(cgroupId);
    if (!account) return;
    this.#accounts.delete(cgroupId);
    const { podUid, isPod } = account.cgroup;
    const pod = this.#pods.get(podUid);
    if (isPod) this.#pods.delete(podUid);
    else if (pod) pod.goneSeconds += account.seconds;
  }

  read(): Snapshot {
    const billed = new Map<string, number>();
    const accounts = [...this.#accounts.values()];
    for (const account of accounts) {
      const { podUid, isPod } = account.cgroup;
      if (isPod) continue;
      bill(account, this.#used(account) ?? 0);
      billed.set(podUid, (billed.get(podUid) ?? 0) + account.seconds);
    }
    for (const [podUid, pod] of this.#pods) {
      bill(pod, (this.#used(pod) ?? 0) - (billed.get(podUid) ?? 0) - pod.goneSeconds);
    }
    return { containers: accounts.map(countersOf), drops: {}, flushSeconds: 0 };
  }

  measure(milliseconds: number): Promise<Costs> {
    return Promise.resolve({ seconds: milliseconds / 1000, programs: [] });
  }

  /** No program counts. */
  countStarvation(): void {
    return;
  }

  /** No program reports. */
  followCgroups(): void {
    return;
  }

  /** CPU seconds of the cgroup and everything below it; undefined once it is gone. */
  #used({ cgroup }: Account): number | undefined {
    return cpuStatSeconds(`${this.mountPoint}${cgroup.path}`, 'usage_usec');
  }
}

/** Cgroups are read one after the other, so that a difference may fall by what runs meanwhile: a counter never does. */
function bill(account: Account, seconds: number): void {
  account.seconds = Math.max(account.seconds, seconds);
}

/**
 * Reads a field of a cgroup's cpu.stat in seconds. Undefined for a cgroup that is gone, and for a field that it lacks: only
 * the CPU controller has those of quotas (Documentation/admin-guide/cgroup-v2.rst).
 */
export function cpuStatSeconds(
  directory: string,
  field: 'usage_usec' | 'throttled_usec',
): number | undefined {
  try {
    const stat = readFileSync(`${directory}/cpu.stat`, 'utf8');
    const microseconds = new RegExp(`^${field} (\\d+)$`, 'm').exec(stat)?.[1];
    return microseconds === undefined ? undefined : Number(microseconds) / 1e6;
  } catch (error) {
    if (GONE.has(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}

const GONE: ReadonlySet<string> = new Set(['ENOENT', 'ENODEV']);

function countersOf({ slot, seconds }: Account): ContainerCounters {
  return { ...NOTHING_ELSE, slot, stateSeconds: { ...NO_STATES, oncpu: seconds } };
}

const NO_STATES = zeros(STATES);
/** Not measured; what renders counters leaves it out. */
const NOTHING_ELSE = {
  servingSeconds: NO_STATES,
  starvedSeconds: 0,
  scalars: zeros(CONTAINER_SCALARS),
  histograms: each(CONTAINER_HISTOGRAMS, () => ({ buckets: new Float64Array(), sum: 0 })),
  blockIo: [],
  peers: [],
};

function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return each(names, () => 0);
}

function each<Name extends string, T>(names: readonly Name[], value: () => T): Record<Name, T> {
  return Object.fromEntries(names.map((name) => [name, value()])) as Record<Name, T>;
}

import type { ContainerCounters, Probes, Snapshot } from 'bpf-linker-napi';
import { errorCode } from '../../common/errors.js';
import { statesOnly } from './counters.js';
import type { ContainerSeries } from './families.js';
import { seriesKey, type ContainerIdentity, type PodIdentity } from '../identity/pods.js';
import { RetiredContainers } from './terminated.js';
import type { CgroupKey } from '../identity/source.js';

export interface ContainerPolicy {
  /** Containers of these namespaces are not measured. */
  readonly ignoreNamespaces: RegExp;
  /** How long the final values of a dead container are served, at least once. */
  readonly keepSeconds: number;
}

/** What becomes of the containers on this node. */
export type ContainerCounts = Record<
  /** Measured and exported. */
  | 'exported'
  /** Measured, but the API has not told yet what they are. */
  | 'unknown'
  /** Not measured: an ignored namespace, or a pod's sandbox. */
  | 'ignored'
  /** Not measured, because every slot is taken. */
  | 'folded'
  /** Gone; final values still served. */
  | 'retired',
  number
>;

type Tracker = Pick<Probes, 'track' | 'untrack'>;

interface Entry {
  readonly cgroupId: bigint;
  readonly cgroup: CgroupKey;
  readonly seenAt: number;
  /** Undefined while it is not measured. */
  slot: number | undefined;
  ignored: boolean;
  identity: ContainerIdentity | undefined;
}

/** The kubelet reports a container's id a second or two after its start; a sandbox's never. */
const SANDBOX_SECONDS = 60;
/** Of containers that restart fast, it reports the last two: what the others did becomes part of the rest of the pod. */
const FORGOTTEN_SECONDS = 10;
const NO_KEYS: ReadonlySet<string> = new Set();

/**
 * Keeps the kernel's slots in step with the containers that exist, and joins both with what the API knows.
 * A container the API does not know yet is measured, so that nothing is lost when it becomes known.
 * All times are seconds of one monotonic clock, given by the caller.
 */
export class ContainerTable {
  readonly #entries = new Map<bigint, Entry>();
  /** Their cgroup is gone, their final values not read yet. */
  #ended: Entry[] = [];
  readonly #retired: RetiredContainers;
  /** Once a slot was refused there is no use in asking for others in the same round. */
  #isFull = false;
  #pods: ReadonlyMap<string, PodIdentity> = new Map();

  constructor(
    private readonly tracker: Tracker,
    private readonly policy: ContainerPolicy,
  ) {
    this.#retired = new RetiredContainers(policy.keepSeconds);
  }

  /** Takes over which container cgroups exist. */
  observe(found: ReadonlyMap<bigint, CgroupKey>, now: number): void {
    this.#isFull = false;
    for (const [cgroupId, entry] of this.#entries) {
      if (found.has(cgroupId)) continue;
      this.#entries.delete(cgroupId);
      if (entry.slot !== undefined) this.#ended.push(entry);
    }
    for (const [cgroupId, cgroup] of found) {
      const entry = this.#entries.get(cgroupId) ?? this.#add(cgroupId, cgroup, now);
      this.#update(entry, now);
    }
  }

  /** Takes over what the API knows, by uid or manifest hash. */
  setPods(pods: ReadonlyMap<string, PodIdentity>, now: number): void {
    this.#pods = pods;
    for (const entry of this.#entries.values()) this.#update(entry, now);
    for (const entry of this.#ended) this.#identify(entry);
    this.#identifyRetired(now);
  }

  /** Some container has ended and waits for `retire` to free its slot. */
  get hasEnded(): boolean {
    return this.#ended.length > 0;
  }

  /** Keeps the final values of ended containers from a snapshot taken after their end, and frees their slots. */
  retire(snapshot: Snapshot, now: number): void {
    if (this.hasEnded) this.#retireEnded(countersBySlot(snapshot), now);
    this.#identifyRetired(now);
    this.#retired.expire(this.#retired.size === 0 ? NO_KEYS : this.#liveKeys(), now);
  }

  /** What to expose from a snapshot: instances of one container, before and after a restart, are one series. */
  series(snapshot: Snapshot, now: number): ContainerSeries[] {
    this.retire(snapshot, now);
    const bySlot = countersBySlot(snapshot);
    const live: ContainerSeries[] = [];
    for (const { slot, identity } of this.#entries.values()) {
      const counters = slot === undefined ? undefined : bySlot.get(slot);
      if (identity && counters) live.push({ identity, counters, live: true });
    }
    return this.#retired.serveWith(live).map(exposed);
  }

  /** Names of a pod's containers by their cgroups. @param container - one of them; all by default */
  cgroupsOf(namespace: string, pod: string, container?: string): Map<bigint, string> {
    const cgroups = new Map<bigint, string>();
    for (const { cgroupId, identity } of this.#entries.values()) {
      if (identity?.namespace !== namespace || identity.pod !== pod) continue;
      if (container === undefined || identity.container === container)
        cgroups.set(cgroupId, identity.container);
    }
    return cgroups;
  }

  counts(): ContainerCounts {
    const counts = { exported: 0, unknown: 0, ignored: 0, folded: 0, retired: this.#retired.size };
    for (const { cgroup, ignored, slot, identity } of this.#entries.values()) {
      if (cgroup.isPod) continue;
      if (ignored) counts.ignored++;
      else if (slot === undefined) counts.folded++;
      else if (identity) counts.exported++;
      else counts.unknown++;
    }
    return counts;
  }

  #add(cgroupId: bigint, cgroup: CgroupKey, seenAt: number): Entry {
    const entry = { cgroupId, cgroup, seenAt, slot: undefined, ignored: false, identity: undefined };
    this.#entries.set(cgroupId, entry);
    return entry;
  }

  #update(entry: Entry, now: number): void {
    const pod = this.#identify(entry);
    if (pod) {
      entry.ignored =
        this.policy.ignoreNamespaces.test(pod.namespace) ||
        (!entry.identity && (entry.ignored || this.#isSandbox(entry, now)));
    }
    if (entry.ignored) this.#untrack(entry);
    else if (entry.slot === undefined) this.#track(entry);
  }

  #retireEnded(bySlot: ReadonlyMap<number, ContainerCounters>, now: number): void {
    for (const { cgroupId, cgroup, slot, identity } of this.#ended) {
      const counters = bySlot.get(slot!);
      if (counters) this.#retired.add({ cgroup, identity, counters }, now);
      this.tracker.untrack(cgroupId);
    }
    this.#ended = [];
  }

  #liveKeys(): Set<string> {
    const keys = new Set<string>();
    for (const { identity } of this.#entries.values()) if (identity) keys.add(seriesKey(identity));
    return keys;
  }

  /**
   * A sandbox is made before its pod's containers. One that is younger than they are is a container that was
   * restarted while the API is down.
   */
  #isSandbox({ cgroup, seenAt }: Entry, now: number): boolean {
    if (now - seenAt < SANDBOX_SECONDS) return false;
    for (const other of this.#entries.values()) {
      const isSibling = other.cgroup.podUid === cgroup.podUid && !other.cgroup.isPod;
      if (isSibling && other.identity && other.seenAt >= seenAt) return true;
    }
    return false;
  }

  #identifyRetired(now: number): void {
    this.#retired.identify(({ podUid, containerId }, endedAt) => {
      const containers = this.#pods.get(podUid)?.containers;
      return (
        containers?.get(containerId) ?? (now - endedAt < FORGOTTEN_SECONDS ? undefined : containers?.get(''))
      );
    });
  }

  #identify(entry: Entry): PodIdentity | undefined {
    const pod = this.#pods.get(entry.cgroup.podUid);
    // A pod that the API has already forgotten keeps its name until its cgroup is gone.
    entry.identity = pod?.containers.get(entry.cgroup.containerId) ?? entry.identity;
    return pod;
  }

  #track(entry: Entry): void {
    if (this.#isFull) return;
    try {
      entry.slot = this.tracker.track(entry.cgroupId);
    } catch (error) {
      if (errorCode(error) !== 'SLOTS_FULL') throw error;
      this.#isFull = true;
    }
  }

  #untrack(entry: Entry): void {
    if (entry.slot === undefined) return;
    this.tracker.untrack(entry.cgroupId);
    entry.slot = undefined;
  }
}

/** The rest of a pod has no histograms: only its share of the pod's time. */
function exposed(series: ContainerSeries): ContainerSeries {
  return series.identity.isRestOfPod ? { ...series, counters: statesOnly(series.counters) } : series;
}

function countersBySlot({ containers }: Snapshot): Map<number, ContainerCounters> {
  const bySlot = new Map<number, ContainerCounters>();
  for (const counters of containers) bySlot.set(counters.slot, counters);
  return bySlot;
}

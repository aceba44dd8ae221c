import type { ContainerCounters, Probes, Snapshot } from 'bpf-linker-napi';
import { errorCode } from '../../common/errors.js';
import type { NodeReason } from '../reduced.js';
import type { MeasuredCgroup } from '../cgroups/path.js';
import { seriesKey, type ContainerIdentity, type PodIdentity } from '../identity/source.js';
import { endOf, type ContainerSeries } from './counters.js';
import { Sandboxes } from './sandboxes.js';
import type { Starvation } from './starvation.js';
import { TerminatedContainers } from './terminated.js';

export interface ContainerPolicy {
  /** Containers of these namespaces are not measured. */
  readonly ignoreNamespaces: RegExp;
  /** Time for which the final values of a terminated container are exported, at least once. */
  readonly keepSeconds: number;
}

/** Containers on this node by state. */
export type ContainerCounts = Record<
  /** Measured and exported. */
  | 'exported'
  /** Measured, but not yet known to the API. */
  | 'unknown'
  /** Not measured: an ignored namespace, or a pod's sandbox. */
  | 'ignored'
  /** Not measured, because every slot is taken. */
  | 'folded'
  /** Ended, and still exported with their final values. */
  | 'terminated',
  number
>;

/** Bills cgroups to slots, see `Probes`. */
export interface Tracker extends Pick<Probes, 'untrack'> {
  track(cgroupId: bigint, cgroup: MeasuredCgroup): number;
}

interface Entry {
  readonly cgroupId: bigint;
  readonly cgroup: MeasuredCgroup;
  readonly seenAt: number;
  /** Undefined while the container is not tracked. */
  slot: number | undefined;
  ignored: boolean;
  identity: ContainerIdentity | undefined;
}

/** The kubelet reports a container's id a second or two after its start, and never a sandbox's. */
const SANDBOX_SECONDS = 60;
/** Of containers that restart fast, the kubelet reports the last two. The others are added to the rest of the pod. */
const UNREPORTED_SECONDS = 10;
const SANDBOXED = { opaque: 'sandboxed' } as const;
const NO_KEYS: ReadonlySet<string> = new Set();

/**
 * Keeps the kernel's slots in step with the containers that exist, and joins both with their identities. A container is
 * measured before its identity is known, so that nothing is lost. Times are seconds of one monotonic clock, which the
 * caller passes.
 */
export class ContainerTable {
  readonly #entries = new Map<bigint, Entry>();
  /** Containers whose cgroup is gone and whose final values are not read yet. */
  #ended: Entry[] = [];
  readonly #terminated: TerminatedContainers;
  readonly #sandboxes = new Sandboxes();
  /** True once a slot was refused: no other is requested in the same round. */
  #isFull = false;
  #pods: ReadonlyMap<string, PodIdentity> = new Map();

  constructor(
    private readonly tracker: Tracker,
    private readonly policy: ContainerPolicy,
    private readonly starvation: Pick<Starvation, 'read' | 'take'>,
    private readonly opaque?: NodeReason,
  ) {
    this.#terminated = new TerminatedContainers(policy.keepSeconds);
  }

  /** Updates the containers that exist. */
  observe(found: ReadonlyMap<bigint, MeasuredCgroup>, now: number): void {
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

  /** Updates the pods that are known, by uid or manifest hash. */
  setPods(pods: ReadonlyMap<string, PodIdentity>, now: number): void {
    this.#pods = pods;
    for (const entry of this.#entries.values()) this.#update(entry, now);
    for (const entry of this.#ended) this.#identify(entry);
    this.#identifyTerminated(now);
  }

  /** True while a container has ended and `terminate` has not freed its slot yet. */
  get hasEnded(): boolean {
    return this.#ended.length > 0;
  }

  /** Keeps the final values of ended containers from a snapshot taken after their end, and frees their slots. */
  terminate(snapshot: Snapshot, now: number): void {
    if (this.hasEnded) this.#terminateEnded(countersBySlot(snapshot), now);
    this.#identifyTerminated(now);
    this.#terminated.expire(this.#terminated.size === 0 ? NO_KEYS : this.#liveKeys(), now);
  }

  /** Returns what a snapshot exports: instances of one container, before and after a restart, are one series. */
  series(snapshot: Snapshot, now: number): ContainerSeries[] {
    this.terminate(snapshot, now);
    const bySlot = countersBySlot(snapshot);
    const measured = [...this.#entries.values()].flatMap((entry) => {
      const counters = entry.slot === undefined ? undefined : bySlot.get(entry.slot);
      return counters ? [{ ...entry, counters }] : [];
    });
    const sandboxed = this.#sandboxes.find(measured, this.#pods, now);
    const live: ContainerSeries[] = [];
    for (const entry of measured) {
      const { identity, counters, cgroup } = entry;
      if (!identity) continue;
      const opaque = sandboxed.has(cgroup.podUid) ? SANDBOXED : {};
      live.push({ identity, counters, ...this.#starved(entry, now), ...opaque, live: true });
    }
    const series = this.#terminated.join(live);
    const { opaque } = this;
    return opaque === undefined ? series : series.map((one) => ({ ...one, opaque }));
  }

  /** Returns the names of a pod's containers by cgroup. @param container - one of them; all by default */
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
    const counts = { exported: 0, unknown: 0, ignored: 0, folded: 0, terminated: this.#terminated.size };
    for (const { cgroup, ignored, slot, identity } of this.#entries.values()) {
      if (cgroup.isPod) continue;
      if (ignored) counts.ignored++;
      else if (slot === undefined) counts.folded++;
      else if (identity) counts.exported++;
      else counts.unknown++;
    }
    return counts;
  }

  /** Only a whole pod is starved: while one container waits for a CPU, another one of its pod may have it. */
  #starved(
    { cgroupId, cgroup, counters }: Entry & { readonly counters: ContainerCounters },
    now: number,
  ): Pick<ContainerSeries, 'starvedSeconds'> {
    // The uid of what is no pod, on a host without a kubelet, is its path.
    if (!cgroup.isPod && cgroup.podUid !== cgroup.path) return {};
    const starvedSeconds = this.starvation.read(cgroupId, cgroup.path, counters.starvedSeconds, now);
    return starvedSeconds === undefined ? {} : { starvedSeconds };
  }

  #add(cgroupId: bigint, cgroup: MeasuredCgroup, seenAt: number): Entry {
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

  #terminateEnded(bySlot: ReadonlyMap<number, ContainerCounters>, now: number): void {
    for (const { cgroupId, cgroup, slot, identity } of this.#ended) {
      const counters = bySlot.get(slot!);
      const starvedSeconds = this.starvation.take(cgroupId);
      const starved = starvedSeconds === undefined ? {} : { starvedSeconds };
      if (counters) this.#terminated.add({ cgroup, identity, counters: endOf(counters), ...starved }, now);
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
   * A sandbox is older than its pod's containers. One that is younger than they are is a container that was restarted
   * while the API was down.
   */
  #isSandbox({ cgroup, seenAt }: Entry, now: number): boolean {
    if (now - seenAt < SANDBOX_SECONDS) return false;
    for (const other of this.#entries.values()) {
      const isSibling = other.cgroup.podUid === cgroup.podUid && !other.cgroup.isPod;
      if (isSibling && other.identity && other.seenAt >= seenAt) return true;
    }
    return false;
  }

  #identifyTerminated(now: number): void {
    this.#terminated.identify(({ podUid, containerId }, endedAt) => {
      const containers = this.#pods.get(podUid)?.containers;
      return (
        containers?.get(containerId) ?? (now - endedAt < UNREPORTED_SECONDS ? undefined : containers?.get(''))
      );
    });
  }

  #identify(entry: Entry): PodIdentity | undefined {
    const pod = this.#pods.get(entry.cgroup.podUid);
    // A pod that is already deleted from the API keeps its name until its cgroup is gone.
    entry.identity = pod?.containers.get(entry.cgroup.containerId) ?? entry.identity;
    return pod;
  }

  #track(entry: Entry): void {
    if (this.#isFull) return;
    try {
      entry.slot = this.tracker.track(entry.cgroupId, entry.cgroup);
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

function countersBySlot({ containers }: Snapshot): Map<number, ContainerCounters> {
  const bySlot = new Map<number, ContainerCounters>();
  for (const counters of containers) bySlot.set(counters.slot, counters);
  return bySlot;
}

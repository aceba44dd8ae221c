import type { ContainerCounters } from 'bpf-linker-napi';
import type { MeasuredCgroup } from '../cgroups/path.js';
import type { ContainerIdentity, PodIdentity } from '../identity/source.js';

/** A cgroup with its counters. */
interface Measured {
  readonly cgroup: MeasuredCgroup;
  readonly seenAt: number;
  readonly identity: ContainerIdentity | undefined;
  readonly counters: ContainerCounters;
}

/** Time after which a container that runs has had a thread, and what its runtime started first is billed to the pod. */
const SETTLED_SECONDS = 60;

/**
 * Finds pods whose threads are not the host's: the kubelet reports a running container, but no container's cgroup has ever
 * had a thread. What their pod's cgroup has are a kernel of their own (gVisor) or a virtual machine (Kata).
 */
export class Sandboxes {
  /** Pods by uid. Sticky: between two instances of a container its pod has no threads either. */
  readonly #seen = new Set<string>();

  /** Returns the uids of such pods. */
  find(
    measured: readonly Measured[],
    pods: ReadonlyMap<string, PodIdentity>,
    now: number,
  ): ReadonlySet<string> {
    for (const { cgroup, identity, counters } of measured)
      if (!cgroup.isPod && identity && !this.#seen.has(cgroup.podUid) && hasThreads(counters))
        this.#seen.add(cgroup.podUid);
    const ofPods = measured.filter(({ cgroup }) => cgroup.isPod);
    const existing = new Set(measured.map(({ cgroup }) => cgroup.podUid));
    for (const podUid of this.#seen) if (!existing.has(podUid)) this.#seen.delete(podUid);
    const sandboxed = ofPods.filter(
      ({ cgroup: { podUid }, seenAt, counters }) =>
        now - seenAt >= SETTLED_SECONDS &&
        !this.#seen.has(podUid) &&
        pods.get(podUid)?.isRunning === true &&
        hasThreads(counters),
    );
    return new Set(sandboxed.map(({ cgroup }) => cgroup.podUid));
  }
}

/** A thread is always in some state. */
function hasThreads({ stateSeconds }: ContainerCounters): boolean {
  for (const state in stateSeconds) if (stateSeconds[state as keyof typeof stateSeconds] > 0) return true;
  return false;
}

/** Key of a cgroup's identity. */
export interface CgroupKey {
  /** The pod's uid; for a static pod the hash of its manifest; on a host without pods the unit's path. */
  readonly podUid: string;
  /** Empty for a cgroup that is not a container's. */
  readonly containerId: string;
  /** True for a pod's own cgroup. It is measured for what runs in it outside of its containers. */
  readonly isPod?: true;
}

/** A cgroup that is measured. */
export interface MeasuredCgroup extends CgroupKey {
  /** Of its directory, below the mount point. */
  readonly path: string;
}

/** Reads a path below the root of the hierarchy. Returns undefined for a cgroup that only groups others. */
export type ParsePath = (path: string) => CgroupKey | undefined;

/** systemd driver: `kubepods-burstable-pod<uid>.slice`, below any `--cgroup-root`; `-` in the uid becomes `_`. */
const POD_SLICE = /^(?:.+-)?kubepods(?:-(?:burstable|besteffort))?-pod([0-9A-Za-z_]+)\.slice$/;
/** cgroupfs driver: `pod<uid>` in `kubepods` or `kubepods/burstable`. */
const POD_DIRECTORY = /^pod([0-9A-Za-z-]+)$/;
const KUBEPODS = /^(?:.+-)?kubepods$/;
const QOS = /^(?:burstable|besteffort)$/;
/** A runtime with the cgroupfs driver under a kubelet with the systemd one: all in one name. */
const MIXED = /^(.+\.slice):cri-containerd:([0-9a-f]{64})$/;
const CONTAINER = /^(?:(?:cri-containerd|crio|docker)-([0-9a-f]{64})\.scope|(?:crio-)?([0-9a-f]{64}))$/;

/**
 * Reads the container from the path of its cgroup or of any cgroup within it. Where one kubelet runs inside another's
 * container, the innermost pod counts.
 *
 * @returns undefined for any path that is not in a container of a pod
 */
export function parseCgroupPath(path: string): CgroupKey | undefined {
  const names = path.split('/');
  for (let at = names.length - 1; at >= 0; at--) {
    const container = containerAt(names, at);
    if (container) return container;
  }
  return undefined;
}

/**
 * Reads the pod from the path of its own cgroup.
 *
 * @returns undefined for any other path
 */
export function parsePodPath(path: string): CgroupKey | undefined {
  const names = path.split('/');
  const podUid = podAt(names, names.length - 1);
  return podUid === undefined ? undefined : { podUid, containerId: '', isPod: true };
}

function containerAt(names: readonly string[], at: number): CgroupKey | undefined {
  const name = names[at]!;
  const [, slice, mixedId] = MIXED.exec(name) ?? [];
  if (slice !== undefined) return keyOf(podOfSlice(slice), mixedId);
  const [, scopeId, plainId] = CONTAINER.exec(name) ?? [];
  return keyOf(podAt(names, at - 1), scopeId ?? plainId);
}

function keyOf(podUid: string | undefined, containerId: string | undefined): CgroupKey | undefined {
  return podUid === undefined || containerId === undefined ? undefined : { podUid, containerId };
}

/** Returns the uid of the pod whose own cgroup is at this level. */
function podAt(names: readonly string[], at: number): string | undefined {
  const name = names[at] ?? '';
  const slice = podOfSlice(name);
  if (slice !== undefined) return slice;
  const parent = QOS.test(names[at - 1] ?? '') ? at - 2 : at - 1;
  return KUBEPODS.test(names[parent] ?? '') ? POD_DIRECTORY.exec(name)?.[1] : undefined;
}

function podOfSlice(name: string): string | undefined {
  return POD_SLICE.exec(name)?.[1]?.replaceAll('_', '-');
}

import type { CgroupKey } from '../identity/source.js';

export type Qos = 'Guaranteed' | 'Burstable' | 'BestEffort';
export type Runtime = 'containerd' | 'cri-o' | 'docker';

/** What a kubelet's cgroup path says about the container it belongs to. */
export interface CgroupIdentity {
  /** The pod's uid; for a static pod the hash of its manifest, which its mirror pod carries as an annotation. */
  readonly podUid: string;
  readonly containerId: string;
  /** Undefined under the cgroupfs driver, whose names do not tell. */
  readonly runtime: Runtime | undefined;
  readonly qos: Qos;
}

const QOS: Record<string, Qos> = { burstable: 'Burstable', besteffort: 'BestEffort' };
const RUNTIMES: Record<string, Runtime> = { 'cri-containerd': 'containerd', crio: 'cri-o', docker: 'docker' };

/** systemd driver: `kubepods-burstable-pod<uid>.slice`, below any `--cgroup-root`; `-` in the uid becomes `_`. */
const POD_SLICE = /^(?:.+-)?kubepods(?:-(burstable|besteffort))?-pod([0-9A-Za-z_]+)\.slice$/;
/** cgroupfs driver: `pod<uid>` in `kubepods` or `kubepods/burstable`. */
const POD_DIRECTORY = /^pod([0-9A-Za-z-]+)$/;
const KUBEPODS = /^(?:.+-)?kubepods$/;
/** A runtime with the cgroupfs driver under a kubelet with the systemd one: all in one name. */
const MIXED = /^(.+\.slice):cri-containerd:([0-9a-f]{64})$/;
const SCOPE = /^(cri-containerd|crio|docker)-([0-9a-f]{64})\.scope$/;
const PLAIN = /^(?:(crio)-)?([0-9a-f]{64})$/;

/**
 * Reads the identity of a container from the path of its cgroup or of any cgroup within it. Where one
 * kubelet runs inside another's container, the innermost pod is meant.
 *
 * @returns undefined for any path that is not in a container of a pod
 */
export function parseCgroupPath(path: string): CgroupIdentity | undefined {
  const names = path.split('/');
  for (let at = names.length - 1; at >= 0; at--) {
    const identity = containerAt(names, at);
    if (identity) return identity;
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
  const pod = podSlice(names.at(-1)!) ?? podDirectory(names, names.length - 1);
  return pod && { podUid: pod.podUid, containerId: '', isPod: true };
}

function containerAt(names: readonly string[], at: number): CgroupIdentity | undefined {
  const name = names[at]!;
  const mixed = MIXED.exec(name);
  if (mixed) {
    const pod = podSlice(mixed[1]!);
    return pod && { ...pod, containerId: mixed[2]!, runtime: 'containerd' };
  }
  const container = SCOPE.exec(name) ?? PLAIN.exec(name);
  const pod = container && (podSlice(names[at - 1] ?? '') ?? podDirectory(names, at - 1));
  if (!pod) return undefined;
  return { ...pod, containerId: container[2]!, runtime: RUNTIMES[container[1] ?? ''] };
}

type Pod = Pick<CgroupIdentity, 'podUid' | 'qos'>;

function podSlice(name: string): Pod | undefined {
  const match = POD_SLICE.exec(name);
  if (!match) return undefined;
  return { podUid: match[2]!.replaceAll('_', '-'), qos: QOS[match[1] ?? ''] ?? 'Guaranteed' };
}

function podDirectory(names: readonly string[], at: number): Pod | undefined {
  const match = POD_DIRECTORY.exec(names[at] ?? '');
  if (!match) return undefined;
  const podUid = match[1]!;
  const parent = names[at - 1] ?? '';
  if (KUBEPODS.test(parent)) return { podUid, qos: 'Guaranteed' };
  const qos = QOS[parent];
  return qos && KUBEPODS.test(names[at - 2] ?? '') ? { podUid, qos } : undefined;
}

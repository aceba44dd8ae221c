import { containersBeside, containerStatuses, cpuInForce, podCpuInForce } from '../../common/cpu-in-force.js';
import type { Fields } from '../../common/fields.js';
import { workloadOf } from '../../common/workload.js';
import type { ContainerIdentity, PodIdentity } from './source.js';

const REST_OF_POD = {
  container: '',
  image: '',
  containerId: '',
  cpuLimit: undefined,
  isRestOfPod: true,
} as const;

/** The part of a pod that is kept: a whole pod takes twenty times the memory. */
export interface KnownPod {
  /**
   * The pod's name in cgroup paths: its uid, or for a static pod the hash of its manifest. The API server accepts the
   * annotation of a mirror pod from that pod's node only (NodeRestriction admission).
   */
  readonly key: string | undefined;
  readonly identity: PodIdentity;
}

export function knownPod(pod: Fields): KnownPod {
  const metadata = pod.fields('metadata');
  return {
    key: metadata.texts('annotations')['kubernetes.io/config.mirror'] ?? metadata.string('uid'),
    identity: {
      namespace: metadata.string('namespace') ?? '',
      isRunning: [...containerStatuses(pod).values()].some((one) => one.fields('state').value('running')),
      containers: containersOf(pod),
    },
  };
}

/** Indexes pods by their name in cgroup paths. */
export function indexPods(pods: readonly KnownPod[]): Map<string, PodIdentity> {
  return new Map(pods.flatMap(({ key, identity }) => (key === undefined ? [] : [[key, identity]])));
}

function containersOf(pod: Fields): Map<string, ContainerIdentity> {
  const spec = pod.fields('spec');
  const lists = ['containers', 'initContainers', 'ephemeralContainers'].flatMap((name) => spec.list(name));
  const specs = new Map(lists.map((container) => [container.string('name') ?? '', container]));
  const workload = workloadOf(pod);
  const ofPod = {
    namespace: workload.namespace,
    pod: pod.fields('metadata').string('name') ?? '',
    workload: workload.name,
    workloadKind: workload.kind,
  };
  const rest = { ...ofPod, ...REST_OF_POD, cpuRequest: requestBeyondContainers(pod) };
  const statuses = containerStatuses(pod);
  const containers = new Map<string, ContainerIdentity>([['', rest]]);
  for (const { name, containerId } of containerInstances(statuses)) {
    containers.set(containerId.slice(containerId.lastIndexOf('/') + 1), {
      ...ofPod,
      container: name,
      image: specs.get(name)?.string('image') ?? '',
      containerId,
      ...cpuResources(specs.get(name), statuses.get(name)),
    });
  }
  return containers;
}

/** Returns the running instance of every container and, after a restart, the one before it. */
function containerInstances(statuses: ReadonlyMap<string, Fields>): { name: string; containerId: string }[] {
  return [...statuses].flatMap(([name, one]) => {
    const ids = [one, one.fields('lastState').fields('terminated')].map((it) => it.string('containerID'));
    return ids.flatMap((containerId) => (containerId ? [{ name, containerId }] : []));
  });
}

/** Finest unit of a quantity. */
const NANO = 1e9;

/** Returns what a pod requests beyond its containers, so that the sum is what the pod as a whole requests. */
function requestBeyondContainers(pod: Fields): number | undefined {
  const { request: whole } = podCpuInForce(pod);
  if (whole === undefined) return undefined;
  const statuses = containerStatuses(pod);
  const own = containersBeside(pod).map((one) => cpuResources(one, statuses.get(one.string('name') ?? '')));
  const beyond = whole - own.reduce((sum, { cpuRequest = 0 }) => sum + cpuRequest, 0);
  return Math.max(0, Math.round(beyond * NANO) / NANO);
}

function cpuResources(container: Fields | undefined, status: Fields | undefined) {
  if (!container) return { cpuRequest: undefined, cpuLimit: undefined };
  const { request, isRequested, limit } = cpuInForce(container, status);
  // The API server sets an absent request to the limit; a static pod's manifest may lack it.
  return { cpuRequest: isRequested ? request : limit, cpuLimit: limit };
}

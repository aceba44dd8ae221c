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
    identity: { namespace: metadata.string('namespace') ?? '', containers: containersOf(pod) },
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
  const rest = { ...ofPod, ...REST_OF_POD, cpuRequest: requestBeyondContainers(spec) };
  const containers = new Map<string, ContainerIdentity>([['', rest]]);
  for (const { name, containerId } of containerInstances(pod.fields('status'))) {
    containers.set(containerId.slice(containerId.lastIndexOf('/') + 1), {
      ...ofPod,
      container: name,
      image: specs.get(name)?.string('image') ?? '',
      containerId,
      ...cpuResources(specs.get(name)),
    });
  }
  return containers;
}

const STATUSES = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'];

/** Returns the running instance of every container and, after a restart, the one before it. */
function containerInstances(status: Fields): { name: string; containerId: string }[] {
  return STATUSES.flatMap((name) => status.list(name)).flatMap((one) => {
    const name = one.string('name') ?? '';
    const ids = [one, one.fields('lastState').fields('terminated')].map((it) => it.string('containerID'));
    return ids.flatMap((containerId) => (containerId ? [{ name, containerId }] : []));
  });
}

/** Finest unit of a quantity. */
const NANO = 1e9;

/** Returns what a pod requests beyond its containers, so that the sum is what the pod as a whole requests. */
function requestBeyondContainers(spec: Fields): number | undefined {
  const whole = spec.fields('resources').fields('requests').quantity('cpu');
  if (whole === undefined) return undefined;
  const sidecars = spec.list('initContainers').filter((one) => one.string('restartPolicy') === 'Always');
  const own = [...spec.list('containers'), ...sidecars].map((one) => cpuResources(one).cpuRequest ?? 0);
  const beyond = whole - own.reduce((sum, request) => sum + request, 0);
  return Math.max(0, Math.round(beyond * NANO) / NANO);
}

function cpuResources(container: Fields | undefined) {
  const resources = container?.fields('resources');
  const cpuLimit = resources?.fields('limits').quantity('cpu');
  const requests = resources?.fields('requests');
  // The API server sets an absent request to the limit; a static pod's manifest may lack it.
  const cpuRequest = requests?.value('cpu') === undefined ? cpuLimit : requests.quantity('cpu');
  return { cpuRequest, cpuLimit };
}

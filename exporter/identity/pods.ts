import { oncePer } from '../../common/once.js';
import { parseQuantity } from '../../common/quantity.js';
import type { Container, ContainerStatus, Pod } from './pod.js';
import { workloadOf } from '../../common/workload.js';

/** Everything the exporter says about a container besides what the kernel measured. */
export interface ContainerIdentity {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly workload: string;
  readonly workloadKind: string;
  readonly image: string;
  /** As the kubelet reports it, `containerd://<64 hex>`. */
  readonly containerId: string;
  /** Cores, undefined when the pod's author set none. */
  readonly cpuRequest: number | undefined;
  readonly cpuLimit: number | undefined;
  /** No container, but what runs in a pod outside of those that are known. */
  readonly isRestOfPod?: true;
}

/** The labels that tell one container's series from another's; the workload follows from them. */
export const seriesKey = oncePer(
  ({ namespace, pod, container }: ContainerIdentity) => `${namespace}/${pod}/${container}`,
);

export interface PodIdentity {
  readonly namespace: string;
  /** By container id as it stands in cgroup names, without the runtime's prefix; empty: the rest of the pod. */
  readonly containers: ReadonlyMap<string, ContainerIdentity>;
}

const REST_OF_POD = {
  container: '',
  image: '',
  containerId: '',
  cpuLimit: undefined,
  isRestOfPod: true,
} as const;

/** All that is kept of a pod: the rest of what the API server tells would take twenty times the memory. */
export interface KnownPod {
  /**
   * What names it in cgroup paths: its uid, or for a static pod the hash of its manifest. Only mirror pods, which nobody
   * but the node may create (the NodeRestriction admission), are taken at their annotation's word.
   */
  readonly key: string | undefined;
  readonly identity: PodIdentity;
}

export function knownPod(pod: Pod): KnownPod {
  const { annotations, uid, namespace = '' } = pod.metadata;
  return {
    key: annotations?.['kubernetes.io/config.mirror'] ?? uid,
    identity: { namespace, containers: containersOf(pod) },
  };
}

/** By what names them in cgroup paths. */
export function indexPods(pods: readonly KnownPod[]): Map<string, PodIdentity> {
  return new Map(pods.flatMap(({ key, identity }) => (key === undefined ? [] : [[key, identity]])));
}

function containersOf(pod: Pod): Map<string, ContainerIdentity> {
  const { spec, status } = pod;
  const specs = new Map<string, Container>();
  for (const container of [
    ...(spec?.containers ?? []),
    ...(spec?.initContainers ?? []),
    ...(spec?.ephemeralContainers ?? []),
  ]) {
    specs.set(container.name, container);
  }
  const workload = workloadOf(pod);
  const ofPod = {
    namespace: pod.metadata.namespace ?? '',
    pod: pod.metadata.name ?? '',
    workload: workload.name,
    workloadKind: workload.kind,
  };
  const rest = { ...ofPod, ...REST_OF_POD, cpuRequest: requestBeyondContainers(spec) };
  const containers = new Map<string, ContainerIdentity>([['', rest]]);
  for (const { name, containerId } of containerInstances(status)) {
    containers.set(containerId.slice(containerId.lastIndexOf('/') + 1), {
      ...ofPod,
      container: name,
      image: specs.get(name)?.image ?? '',
      containerId,
      ...cpuResources(specs.get(name)),
    });
  }
  return containers;
}

interface Instance {
  name: string;
  containerId: string;
}

/** The running instance of every container and, after a restart, the one before it. */
function containerInstances(status: Pod['status']): Instance[] {
  const statuses: ContainerStatus[] = [
    ...(status?.containerStatuses ?? []),
    ...(status?.initContainerStatuses ?? []),
    ...(status?.ephemeralContainerStatuses ?? []),
  ];
  return statuses.flatMap(({ name, containerID, lastState }) => {
    const instances: Instance[] = [];
    if (containerID) instances.push({ name, containerId: containerID });
    const before = lastState?.terminated?.containerID;
    if (before) instances.push({ name, containerId: before });
    return instances;
  });
}

/** The finest that a quantity can be. */
const NANO = 1e9;

/** What a pod requests as a whole and none of its containers for itself, so that the sum is what the pod requests. */
function requestBeyondContainers(spec: Pod['spec']): number | undefined {
  const whole = cores(spec?.resources?.requests?.['cpu']);
  if (whole === undefined) return undefined;
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  const own = [...(spec?.containers ?? []), ...sidecars].map((one) => cpuResources(one).cpuRequest ?? 0);
  const beyond = whole - own.reduce((sum, request) => sum + request, 0);
  return Math.max(0, Math.round(beyond * NANO) / NANO);
}

function cpuResources(container: Container | undefined) {
  const cpuLimit = cores(container?.resources?.limits?.['cpu']);
  // The API server fills in an absent request with the limit; a static pod's manifest may lack it.
  return { cpuRequest: cores(container?.resources?.requests?.['cpu']) ?? cpuLimit, cpuLimit };
}

function cores(quantity: string | undefined): number | undefined {
  return quantity === undefined ? undefined : parseQuantity(quantity);
}

import { parseQuantity } from '../../common/quantity.js';
import { workloadOf, type OwnedPod } from '../../common/workload.js';
import type { ContainerIdentity, PodIdentity } from './source.js';

/** The part of a pod that the exporter reads, as it is on the wire: timestamps are strings, unlike in client-node. */
export interface Pod {
  readonly metadata: NonNullable<OwnedPod['metadata']> & {
    readonly uid?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: {
    /** Pod-level resources (Kubernetes 1.34 and newer). */
    readonly resources?: Resources;
    readonly containers?: readonly Container[];
    readonly initContainers?: readonly Container[];
    readonly ephemeralContainers?: readonly Container[];
  };
  readonly status?: {
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly ephemeralContainerStatuses?: readonly ContainerStatus[];
  };
}

interface Container {
  readonly name: string;
  readonly image?: string;
  readonly resources?: Resources;
  /** `Always` for an init container that is a sidecar. */
  readonly restartPolicy?: string;
}

interface Resources {
  readonly requests?: Readonly<Record<string, string>>;
  readonly limits?: Readonly<Record<string, string>>;
}

interface ContainerStatus {
  readonly name: string;
  readonly containerID?: string;
  readonly lastState?: { readonly terminated?: { readonly containerID?: string } };
}

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

export function knownPod(pod: Pod): KnownPod {
  const { annotations, uid, namespace = '' } = pod.metadata;
  return {
    key: annotations?.['kubernetes.io/config.mirror'] ?? uid,
    identity: { namespace, containers: containersOf(pod) },
  };
}

/** Indexes pods by their name in cgroup paths. */
export function indexPods(pods: readonly KnownPod[]): Map<string, PodIdentity> {
  return new Map(pods.flatMap(({ key, identity }) => (key === undefined ? [] : [[key, identity]])));
}

function containersOf(pod: Pod): Map<string, ContainerIdentity> {
  const { spec, status } = pod;
  const { containers: main = [], initContainers = [], ephemeralContainers = [] } = spec ?? {};
  const specs = new Map(
    [...main, ...initContainers, ...ephemeralContainers].map((container) => [container.name, container]),
  );
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

/** Returns the running instance of every container and, after a restart, the one before it. */
function containerInstances(status: Pod['status']): { name: string; containerId: string }[] {
  const {
    containerStatuses = [],
    initContainerStatuses = [],
    ephemeralContainerStatuses = [],
  } = status ?? {};
  const statuses = [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses];
  return statuses.flatMap(({ name, containerID, lastState }) =>
    [containerID, lastState?.terminated?.containerID].flatMap((containerId) =>
      containerId ? [{ name, containerId }] : [],
    ),
  );
}

/** Finest unit of a quantity. */
const NANO = 1e9;

/** Returns what a pod requests beyond its containers, so that the sum is what the pod as a whole requests. */
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
  // The API server sets an absent request to the limit; a static pod's manifest may lack it.
  return { cpuRequest: cores(container?.resources?.requests?.['cpu']) ?? cpuLimit, cpuLimit };
}

function cores(quantity: string | undefined): number | undefined {
  return quantity === undefined ? undefined : parseQuantity(quantity);
}

import type {
  KubeConfig,
  KubernetesObject,
  V1Container,
  V1ContainerStatus,
  V1Deployment,
  V1EndpointSlice,
  V1Pod,
  V1Service,
  V1StatefulSet,
} from '@kubernetes/client-node';
import { watchResource, type Watched } from '../../common/kubernetes-watch.js';
import type { Logger } from '../../common/log.js';
import { parseQuantity } from '../../common/quantity.js';
import { workloadOf } from '../../common/workload.js';
import {
  workloadKey,
  type Pod,
  type PodContainer,
  type ScaleTargetRef,
  type WorkloadKey,
} from '../core/types.js';
import { Topology } from './topology.js';

/** A watched workload, whose replicas are known without a request for each. */
export interface WatchedWorkload {
  readonly ref: ScaleTargetRef;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `spec.replicas`. */
  readonly replicas: number;
}

/** A live, read-only view of the cluster, kept by five watches for any number of rules. */
export class ClusterView {
  readonly #pods: Watched<V1Pod>;
  readonly #services: Watched<V1Service>;
  readonly #endpointSlices: Watched<V1EndpointSlice>;
  readonly #deployments: Watched<V1Deployment>;
  readonly #statefulSets: Watched<V1StatefulSet>;
  #topology: Topology | undefined;
  #workloads: readonly WatchedWorkload[] | undefined;
  #podsByWorkload: ReadonlyMap<WorkloadKey, readonly Pod[]> | undefined;

  constructor(config: KubeConfig, log: Logger) {
    const watch = <T extends KubernetesObject>(path: string): Watched<T> =>
      watchResource<T>({ config, path, log });
    this.#pods = watch('/api/v1/pods');
    this.#services = watch('/api/v1/services');
    this.#endpointSlices = watch('/apis/discovery.k8s.io/v1/endpointslices');
    this.#deployments = watch('/apis/apps/v1/deployments');
    this.#statefulSets = watch('/apis/apps/v1/statefulsets');
    for (const source of [this.#pods, this.#services, this.#endpointSlices]) {
      source.onChange(() => (this.#topology = undefined));
    }
    this.#pods.onChange(() => (this.#podsByWorkload = undefined));
    for (const source of [this.#deployments, this.#statefulSets]) {
      source.onChange(() => (this.#workloads = undefined));
    }
  }

  /** True once all first lists are in; until then an unknown address or workload means nothing. */
  get synced(): boolean {
    return this.#all().every(({ hasSynced }) => hasSynced);
  }

  async whenSynced(): Promise<void> {
    await Promise.all(this.#all().map(({ synced }) => synced));
  }

  /** Restarted watch requests, over all collections. */
  get restarts(): number {
    return this.#all().reduce((sum, { restarts }) => sum + restarts, 0);
  }

  topology(): Topology {
    return (this.#topology ??= new Topology({
      pods: this.#pods.list(),
      services: this.#services.list(),
      endpointSlices: this.#endpointSlices.list(),
    }));
  }

  /** Pods by workload, of any kind. */
  pods(): ReadonlyMap<WorkloadKey, readonly Pod[]> {
    return (this.#podsByWorkload ??= podsByWorkload(this.#pods.list()));
  }

  /** Deployments and StatefulSets; workloads of other kinds are read one by one through their scale subresource. */
  workloads(): readonly WatchedWorkload[] {
    return (this.#workloads ??= [
      ...this.#deployments.list().map((object) => watched('Deployment', object)),
      ...this.#statefulSets.list().map((object) => watched('StatefulSet', object)),
    ]);
  }

  stop(): void {
    for (const source of this.#all()) source.stop();
  }

  #all(): readonly Watched<KubernetesObject>[] {
    return [this.#pods, this.#services, this.#endpointSlices, this.#deployments, this.#statefulSets];
  }
}

function watched(kind: string, { metadata, spec }: V1Deployment | V1StatefulSet): WatchedWorkload {
  return {
    ref: { apiVersion: 'apps/v1', kind, namespace: metadata?.namespace ?? '', name: metadata?.name ?? '' },
    uid: metadata?.uid ?? '',
    labels: metadata?.labels ?? {},
    // The default of the API server.
    replicas: spec?.replicas ?? 1,
  };
}

/** Labels in which controllers name the template of a pod: of ReplicaSets, of StatefulSets and DaemonSets. */
const TEMPLATE_LABELS = ['pod-template-hash', 'controller-revision-hash'];
const TERMINAL = new Set(['Succeeded', 'Failed']);

/** Pods whose containers may run: those that have ended carry no load. */
export function podsByWorkload(pods: readonly V1Pod[]): ReadonlyMap<WorkloadKey, readonly Pod[]> {
  const byWorkload = new Map<WorkloadKey, Pod[]>();
  for (const pod of pods) {
    if (TERMINAL.has(pod.status?.phase ?? '')) continue;
    const key = workloadKey(workloadOf(pod));
    const known = byWorkload.get(key);
    if (known) known.push(toPod(pod));
    else byWorkload.set(key, [toPod(pod)]);
  }
  return byWorkload;
}

function toPod({ metadata, spec, status }: V1Pod): Pod {
  const condition = status?.conditions?.find(({ type }) => type === 'Ready');
  const readySince = seconds(condition?.lastTransitionTime);
  const startedAt = seconds(status?.startTime);
  const createdAt = seconds(metadata?.creationTimestamp);
  const crashedAt = lastCrash(status?.containerStatuses ?? []);
  const request = cpuRequest(spec);
  const labels = metadata?.labels ?? {};
  const template = TEMPLATE_LABELS.map((name) => labels[name]).find((hash) => hash !== undefined);
  // An init container with restartPolicy Always is a sidecar: it runs beside the others.
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  return {
    name: metadata?.name ?? '',
    phase: status?.phase ?? 'Unknown',
    ...(condition && { ready: condition.status }),
    ...(readySince !== undefined && { readySince }),
    ...(startedAt !== undefined && { startedAt }),
    ...(createdAt !== undefined && { createdAt }),
    ...(crashedAt !== undefined && { crashedAt }),
    ...(template !== undefined && { template }),
    deleted: metadata?.deletionTimestamp !== undefined,
    ...(request !== undefined && { request }),
    containers: [...(spec?.containers ?? []), ...sidecars].map(toContainer),
  };
}

/** Time at which a container last ended, of those that the kubelet starts again. */
function lastCrash(containers: readonly V1ContainerStatus[]): number | undefined {
  const ends = containers
    .flatMap(({ state, lastState }) => [state?.terminated, lastState?.terminated])
    .map((terminated) => seconds(terminated?.finishedAt))
    .filter((end) => end !== undefined);
  return ends.length === 0 ? undefined : Math.max(...ends);
}

function toContainer(container: V1Container): PodContainer {
  const request = cpuRequest(container);
  return { name: container.name, ...(request !== undefined && { request }) };
}

function cpuRequest(spec: Pick<V1Container, 'resources'> | undefined): number | undefined {
  const cpu = spec?.resources?.requests?.['cpu'];
  return cpu === undefined ? undefined : parseQuantity(cpu);
}

/** Times are strings in watches, as on the wire, and dates in client-node's models. */
function seconds(time: Date | string | undefined): number | undefined {
  return time === undefined ? undefined : new Date(time).getTime() / 1000;
}

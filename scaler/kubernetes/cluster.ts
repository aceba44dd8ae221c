import type {
  KubeConfig,
  KubernetesObject,
  V1Deployment,
  V1EndpointSlice,
  V1Pod,
  V1Service,
  V1StatefulSet,
} from '@kubernetes/client-node';
import { watchResource, type Watched } from '../../common/kubernetes-watch.js';
import type { Logger } from '../../common/log.js';
import type { Pod, ScaleTargetRef, WorkloadKey } from '../core/types.js';
import { podsByWorkload } from './pods.js';
import { Topology } from './topology.js';

/** A workload that this process watches, so that its replicas are known without asking for each. */
export interface WatchedWorkload {
  readonly ref: ScaleTargetRef;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `spec.replicas`. */
  readonly replicas: number;
}

/** A live, read-only view of the cluster, kept by a handful of watches whatever the number of rules. */
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

  /** Whether every first list is in; until then an unknown address or workload says nothing. */
  get synced(): boolean {
    return this.#all().every(({ hasSynced }) => hasSynced);
  }

  /** Resolves when every first list is in. */
  async whenSynced(): Promise<void> {
    await Promise.all(this.#all().map(({ synced }) => synced));
  }

  /** Watch requests made again, over all collections. */
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

  /** The pods of every workload, whatever its kind. */
  pods(): ReadonlyMap<WorkloadKey, readonly Pod[]> {
    return (this.#podsByWorkload ??= podsByWorkload(this.#pods.list()));
  }

  /** Deployments and StatefulSets; other kinds are read through their scale subresource one by one. */
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
    // The API server fills in 1 where nobody wrote a number.
    replicas: spec?.replicas ?? 1,
  };
}

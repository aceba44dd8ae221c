import type { KubeConfig } from '@kubernetes/client-node';
import type { Fields } from '../../common/fields.js';
import { watchResource, type Watched } from '../../common/kubernetes-watch.js';
import type { Logger } from '../../common/log.js';
import { getOrCompute } from '../../common/once.js';
import { workloadKey, type Pod, type WorkloadKey } from '../core/types.js';
import { Kinds, type Kind, type ResourceName } from './kinds.js';
import { Namespaces } from './namespaces.js';
import {
  readAutoscaler,
  readPod,
  readService,
  readSlice,
  readWorkload,
  type KnownAutoscaler,
  type KnownPod,
  type KnownService,
  type KnownSlice,
  type WatchedWorkload,
} from './objects.js';
import { fieldManagerOf } from './scale.js';
import { Topology } from './topology.js';

/**
 * A live, read-only view of the cluster, kept by six watches for any number of rules, and one for each further kind that
 * `match` names; namespaces are watched only for rules that select by their labels.
 */
export class ClusterView {
  readonly #pods: Watched<KnownPod>;
  readonly #services: Watched<KnownService>;
  readonly #endpointSlices: Watched<KnownSlice>;
  readonly #deployments: Watched<WatchedWorkload>;
  readonly #statefulSets: Watched<WatchedWorkload>;
  readonly #autoscalers: Watched<KnownAutoscaler>;
  readonly #kinds: Kinds;
  readonly #namespaces: Namespaces;
  #topology: Topology | undefined;
  #workloads: readonly WatchedWorkload[] | undefined;
  #podsByWorkload: ReadonlyMap<WorkloadKey, readonly Pod[]> | undefined;

  #autoscalersByWorkload: ReadonlyMap<WorkloadKey, readonly string[]> | undefined;

  /** @param fieldManager Kernscale's own */
  constructor(
    config: KubeConfig,
    log: Logger,
    resourceName: ResourceName,
    fieldManager = fieldManagerOf(undefined),
  ) {
    const watch = <K>(path: string, keep: (object: Fields) => K): Watched<K> =>
      watchResource({ config, path, keep, log });
    const workload = (kind: string) => (object: Fields) =>
      readWorkload({ apiVersion: 'apps/v1', kind }, object, fieldManager);
    this.#pods = watch('/api/v1/pods', readPod);
    this.#services = watch('/api/v1/services', readService);
    this.#endpointSlices = watch('/apis/discovery.k8s.io/v1/endpointslices', readSlice);
    this.#deployments = watch('/apis/apps/v1/deployments', workload('Deployment'));
    this.#statefulSets = watch('/apis/apps/v1/statefulsets', workload('StatefulSet'));
    this.#autoscalers = watch('/apis/autoscaling/v2/horizontalpodautoscalers', readAutoscaler);
    this.#autoscalers.onChange(() => (this.#autoscalersByWorkload = undefined));
    for (const source of [this.#pods, this.#services, this.#endpointSlices]) {
      source.onChange(() => (this.#topology = undefined));
    }
    this.#pods.onChange(() => (this.#podsByWorkload = undefined));
    for (const source of [this.#deployments, this.#statefulSets]) {
      source.onChange(() => (this.#workloads = undefined));
    }
    const onChange = () => (this.#workloads = undefined);
    this.#kinds = new Kinds({ config, resourceName, fieldManager, onChange, log });
    this.#namespaces = new Namespaces({ config, onChange, log });
  }

  /**
   * True once all first lists are in; until then an unknown address or workload means nothing. Only autoscalers may be
   * refused: rules go on then, and `problems` says so.
   */
  get synced(): boolean {
    return this.#knowsAutoscalers && this.#needed().every(({ hasSynced }) => hasSynced);
  }

  /** True once all workloads that a rule could match are known. */
  get knowsWorkloads(): boolean {
    return this.synced && this.#kinds.synced && this.#namespaces.synced;
  }

  /** Watches the workloads of these kinds, too, and the namespaces if one selects by their labels. */
  match(matches: readonly (Kind & { readonly namespaceSelector?: unknown })[]): void {
    this.#kinds.use(matches);
    this.#namespaces.use(matches.some(({ namespaceSelector }) => namespaceSelector !== undefined));
  }

  async whenSynced(): Promise<void> {
    const autoscalers = Promise.race([this.#autoscalers.synced, this.#autoscalers.refused]);
    await Promise.all([autoscalers, ...this.#needed().map(({ synced }) => synced)]);
  }

  /** Restarted watch requests, over all collections. */
  get restarts(): number {
    return this.#all().reduce(
      (sum, { restarts }) => sum + restarts,
      this.#kinds.restarts + this.#namespaces.restarts,
    );
  }

  /** One sentence for each cause for which this is not what the cluster holds. */
  problems(): string[] {
    const unseen = this.#autoscalers.isRefused ? '; rules do not see who else scales their workloads' : '';
    return [
      ...[...this.#needed(), this.#kinds, this.#namespaces].flatMap((source) =>
        source.problems().map((problem) => `${problem}.`),
      ),
      ...this.#autoscalers.problems().map((problem) => `${problem}${unseen}.`),
    ];
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

  /**
   * Deployments, StatefulSets and the kinds to match; workloads of other kinds are read one by one through their scale
   * subresource.
   */
  workloads(): readonly WatchedWorkload[] {
    return (this.#workloads ??= this.#namespaces.label([
      ...this.#deployments.list(),
      ...this.#statefulSets.list(),
      ...this.#kinds.list(),
    ]));
  }

  /** Names of the autoscalers of others, by the workload that they scale; undefined while they are not known. */
  autoscalers(): ReadonlyMap<WorkloadKey, readonly string[]> | undefined {
    if (!this.#knowsAutoscalers) return undefined;
    return (this.#autoscalersByWorkload ??= autoscalersByWorkload(this.#autoscalers.list()));
  }

  stop(): void {
    for (const source of [...this.#all(), this.#kinds, this.#namespaces]) source.stop();
  }

  get #knowsAutoscalers(): boolean {
    return this.#autoscalers.hasSynced || this.#autoscalers.isRefused;
  }

  #all(): readonly Watched<unknown>[] {
    return [...this.#needed(), this.#autoscalers];
  }

  #needed(): readonly Watched<unknown>[] {
    return [this.#pods, this.#services, this.#endpointSlices, this.#deployments, this.#statefulSets];
  }
}

/** Pods whose containers may run: those that have ended carry no load. */
export function podsByWorkload(pods: readonly KnownPod[]): ReadonlyMap<WorkloadKey, readonly Pod[]> {
  const byWorkload = new Map<WorkloadKey, Pod[]>();
  for (const { ended, workload, pod } of pods) {
    if (!ended) getOrCompute(byWorkload, workloadKey(workload), () => []).push(pod);
  }
  return byWorkload;
}

function autoscalersByWorkload(
  known: readonly KnownAutoscaler[],
): ReadonlyMap<WorkloadKey, readonly string[]> {
  const byWorkload = new Map<WorkloadKey, string[]>();
  for (const { target, name } of known) getOrCompute(byWorkload, workloadKey(target), () => []).push(name);
  return byWorkload;
}

import { EventRecorder } from '../events.js';
import { type Log, controllerOf, Reconciler, self, type Key } from './reconciler.js';
import {
  contentHash,
  controllerReference,
  isControlledBy,
  setCondition,
  timestamp,
  type Condition,
} from '../objects/meta.js';
import type { Deployment, ReplicaSet } from '../objects/apps.js';
import type { Store } from '../store.js';

const HASH_LABEL = 'pod-template-hash';
const REVISION = 'deployment.kubernetes.io/revision';

/** Keeps one ReplicaSet per pod template of each Deployment and shifts replicas from the old ones to the new. */
export function deploymentController(store: Store, log: Log): Reconciler {
  const controller = new DeploymentController(store);
  const triggers = { deployments: self, replicasets: controllerOf('Deployment') };
  return new Reconciler(store, log, triggers, (key) => controller.reconcile(key));
}

class DeploymentController {
  readonly #events: EventRecorder;

  constructor(readonly store: Store) {
    this.#events = new EventRecorder(store, 'deployment-controller');
  }

  reconcile({ namespace, name }: Key): number | undefined {
    const deployment = this.store.get('deployments', namespace, name);
    if (!deployment) return undefined;
    if (deployment.metadata.deletionTimestamp === undefined) this.#rollOut(deployment);
    const sets = this.#setsOf(deployment);
    const current = sets.find(({ metadata }) => metadata.labels?.[HASH_LABEL] === hashOf(deployment));
    this.store.mutate('deployments', deployment, (draft) => {
      draft.status = deploymentStatus(draft, current, sets);
    });
    return undefined;
  }

  #rollOut(deployment: Deployment): void {
    const hash = hashOf(deployment);
    const sets = this.#setsOf(deployment);
    const existing = sets.find(({ metadata }) => metadata.labels?.[HASH_LABEL] === hash);
    const old = sets.filter((set) => set !== existing);
    if (deployment.spec.paused) {
      const set = existing ?? old.find(({ spec }) => spec.replicas > 0);
      if (set) this.#scale(deployment, set, deployment.spec.replicas);
      return;
    }
    const isRunning = old.some(({ spec, status }) => spec.replicas > 0 || status.replicas > 0);
    if (!existing && deployment.spec.strategy.type === 'Recreate' && isRunning) {
      for (const set of old) this.#scale(deployment, set, 0);
      return;
    }
    const current = existing ?? this.#createSet(deployment, hash, old);
    this.#setRevision(deployment, current, old);
    const updates = scaleOldTo(deployment, current, old);
    for (const [set, replicas] of updates) this.#scale(deployment, set, replicas);
    this.#scale(deployment, current, newReplicasOf(deployment, current, this.#setsOf(deployment)));
    this.#forgetOld(deployment, old);
  }

  #createSet(deployment: Deployment, hash: string, old: readonly ReplicaSet[]): ReplicaSet {
    const { template, selector, minReadySeconds } = deployment.spec;
    const { name, namespace } = deployment.metadata;
    const labels = { ...template.metadata.labels, [HASH_LABEL]: hash };
    const first = old.length === 0;
    const set = this.store.create('replicasets', {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        name: `${name}-${hash}`,
        ...(namespace !== undefined && { namespace }),
        labels,
        ownerReferences: [controllerReference(deployment)],
      },
      spec: {
        replicas: first ? deployment.spec.replicas : 0,
        selector: { ...selector, matchLabels: { ...selector.matchLabels, [HASH_LABEL]: hash } },
        template: { ...template, metadata: { ...template.metadata, labels } },
        minReadySeconds,
      },
      status: { replicas: 0 },
    });
    if (first && set.spec.replicas > 0) this.#recordScaling(deployment, set, 0, set.spec.replicas);
    return set;
  }

  /** A set that becomes current, by creation or rollback, gets the next revision number. */
  #setRevision(deployment: Deployment, current: ReplicaSet, old: readonly ReplicaSet[]): void {
    const newest = Math.max(0, ...old.map(revisionOf));
    const revision = String(Math.max(newest + 1, revisionOf(current)));
    const annotate = (draft: Deployment | ReplicaSet): void => {
      draft.metadata.annotations = { ...draft.metadata.annotations, [REVISION]: revision };
    };
    this.store.mutate('replicasets', current, annotate);
    this.store.mutate('deployments', deployment, annotate);
  }

  #scale(deployment: Deployment, set: ReplicaSet, replicas: number): void {
    const before = this.store.get('replicasets', set.metadata.namespace, set.metadata.name)?.spec.replicas;
    if (before === undefined || before === replicas) return;
    this.store.mutate('replicasets', set, (draft) => {
      draft.spec.replicas = replicas;
    });
    this.#recordScaling(deployment, set, before, replicas);
  }

  #recordScaling(deployment: Deployment, set: ReplicaSet, from: number, to: number): void {
    const message = `Scaled ${to > from ? 'up' : 'down'} replica set ${set.metadata.name} from ${from} to ${to}`;
    this.#events.normal(deployment, 'ScalingReplicaSet', message);
  }

  #forgetOld(deployment: Deployment, old: readonly ReplicaSet[]): void {
    const idle = old.filter(({ spec, status }) => spec.replicas === 0 && status.replicas === 0);
    const surplus = idle.length - deployment.spec.revisionHistoryLimit;
    const byAge = idle.toSorted((a, b) => revisionOf(a) - revisionOf(b));
    for (const set of byAge.slice(0, Math.max(0, surplus))) this.store.remove('replicasets', set);
  }

  #setsOf(deployment: Deployment): ReplicaSet[] {
    const sets = this.store.list('replicasets', deployment.metadata.namespace);
    return sets.filter((set) => isControlledBy(set, deployment));
  }
}

function hashOf(deployment: Deployment): string {
  return contentHash(deployment.spec.template);
}

function revisionOf(set: ReplicaSet): number {
  return Number(set.metadata.annotations?.[REVISION] ?? 0);
}

/** The fields of a Deployment's status that `kubectl rollout status` and `kubectl get` read. */
function deploymentStatus(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  sets: readonly ReplicaSet[],
): Deployment['status'] {
  const sum = (count: (set: ReplicaSet) => number | undefined): number =>
    sets.reduce((total, set) => total + (count(set) ?? 0), 0);
  const desired = deployment.spec.replicas;
  const available = availableOf(sets);
  const status = {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: sum((set) => set.status.replicas),
    updatedReplicas: current?.status.replicas ?? 0,
    readyReplicas: sum((set) => set.status.readyReplicas),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, desired - available),
  };
  const complete = status.updatedReplicas === desired && status.replicas === desired && available >= desired;
  const withAvailable = setCondition(deployment.status.conditions, availability(available >= desired));
  const conditions = setCondition(withAvailable, progress(deployment, current, complete));
  return { ...status, conditions };
}

function availability(isAvailable: boolean): Condition {
  const status = isAvailable ? 'True' : 'False';
  const reason = isAvailable ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable';
  const message = `Deployment ${isAvailable ? 'has' : 'does not have'} minimum availability.`;
  return { type: 'Available', status, reason, message };
}

/** A complete rollout stays complete through later scaling. */
function progress(deployment: Deployment, current: ReplicaSet | undefined, complete: boolean): Condition {
  const old = deployment.status.conditions?.find(({ type }) => type === 'Progressing');
  const name = current?.metadata.name ?? '';
  const done = `ReplicaSet "${name}" has successfully progressed.`;
  const isDone = complete || (old?.reason === 'NewReplicaSetAvailable' && old.message === done);
  const reason = isDone ? 'NewReplicaSetAvailable' : 'ReplicaSetUpdated';
  const message = isDone ? done : `ReplicaSet "${name}" is progressing.`;
  const unchanged = old?.reason === reason && old.message === message;
  return {
    type: 'Progressing',
    status: 'True',
    reason,
    message,
    lastUpdateTime: unchanged ? old.lastUpdateTime! : timestamp(),
  };
}

/** Sum of the specified replicas. */
function total(sets: readonly ReplicaSet[]): number {
  return sets.reduce((sum, { spec }) => sum + spec.replicas, 0);
}

function availableOf(sets: readonly ReplicaSet[]): number {
  return sets.reduce((sum, { status }) => sum + (status.availableReplicas ?? 0), 0);
}

/**
 * Replicas that the new ReplicaSet may have now: all of them, except those beyond `maxSurge` while old pods run
 * (k8s.io/kubernetes deployment/util NewRSNewReplicas).
 */
export function newReplicasOf(
  deployment: Deployment,
  current: ReplicaSet,
  sets: readonly ReplicaSet[],
): number {
  const desired = deployment.spec.replicas;
  const { replicas } = current.spec;
  if (deployment.spec.strategy.type === 'Recreate' || replicas >= desired) return desired;
  const room = desired + limits(deployment).maxSurge - total(sets);
  return Math.min(desired, replicas + Math.max(0, room));
}

/**
 * Replicas that each old ReplicaSet keeps for now: unavailable pods are removed first, then available ones within
 * `maxUnavailable` (k8s.io/kubernetes deployment/rolling reconcileOldReplicaSets).
 */
export function scaleOldTo(
  deployment: Deployment,
  current: ReplicaSet,
  old: readonly ReplicaSet[],
): [ReplicaSet, number][] {
  const all = [...old, current];
  const minAvailable = deployment.spec.replicas - limits(deployment).maxUnavailable;
  const newUnavailable = Math.max(0, current.spec.replicas - (current.status.availableReplicas ?? 0));
  let spare = total(all) - minAvailable - newUnavailable;
  let spareAvailable = availableOf(all) - minAvailable;
  return old.map((set) => {
    const available = set.status.availableReplicas ?? 0;
    const unhealthy = Math.max(0, Math.min(spare, set.spec.replicas - available));
    spare -= unhealthy;
    const healthy = Math.max(0, Math.min(spare, spareAvailable, set.spec.replicas - unhealthy));
    spare -= healthy;
    spareAvailable -= healthy;
    return [set, set.spec.replicas - unhealthy - healthy];
  });
}

/** `maxSurge` rounds up and `maxUnavailable` down; if both are 0, one pod may be unavailable. */
function limits(deployment: Deployment): { maxSurge: number; maxUnavailable: number } {
  const { strategy, replicas } = deployment.spec;
  const rolling = 'rollingUpdate' in strategy ? strategy.rollingUpdate : undefined;
  const given = (rolling ?? {}) as { maxSurge?: number | string; maxUnavailable?: number | string };
  const maxSurge = Math.ceil(resolve(given.maxSurge ?? '25%', replicas));
  const maxUnavailable = Math.floor(resolve(given.maxUnavailable ?? '25%', replicas));
  return { maxSurge, maxUnavailable: maxSurge === 0 && maxUnavailable === 0 ? 1 : maxUnavailable };
}

function resolve(value: number | string, of: number): number {
  return typeof value === 'number' ? value : (Number.parseInt(value, 10) / 100) * of;
}

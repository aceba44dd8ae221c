import type { Deployment, ReplicaSet } from '../objects/apps.js';
import { setCondition, timestamp, type Condition } from '../objects/meta.js';
import { availableOf } from './rolling-update.js';

/** The status of a Deployment, as far as `kubectl rollout status` and people read it. */
export function deploymentStatus(
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

/** Once complete, later scaling does not make the roll-out progress again. */
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

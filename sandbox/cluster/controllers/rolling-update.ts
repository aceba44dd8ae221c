import type { Deployment, ReplicaSet } from '../objects/apps.js';

/** The replicas that ReplicaSets ask for. */
export function total(sets: readonly ReplicaSet[]): number {
  return sets.reduce((sum, { spec }) => sum + spec.replicas, 0);
}

export function availableOf(sets: readonly ReplicaSet[]): number {
  return sets.reduce((sum, { status }) => sum + (status.availableReplicas ?? 0), 0);
}

/**
 * How many replicas the new ReplicaSet may have now: all of them, less what would go beyond `maxSurge` while old
 * pods still run (k8s.io/kubernetes deployment/util NewRSNewReplicas).
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
 * Which old ReplicaSets to shrink now, and to what: pods that are not available go first, then available ones
 * as far as `maxUnavailable` lets them (k8s.io/kubernetes deployment/rolling reconcileOldReplicaSets).
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

/** `maxSurge` rounds up and `maxUnavailable` down; when both come to nothing one pod may be missing. */
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

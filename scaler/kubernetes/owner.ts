import type { V1Pod } from '@kubernetes/client-node';
import type { WorkloadId } from '../core/types.js';

/** The pod label that each kind of ReplicaSet owner puts in the names of its ReplicaSets as a suffix. */
const TEMPLATE_HASHES = [
  ['pod-template-hash', 'Deployment'],
  ['rollouts-pod-template-hash', 'Rollout'],
] as const;

/**
 * The workload of a pod, as the exporter's labels `namespace, workload_kind, workload` name it. A ReplicaSet is replaced by the Deployment (or Argo Rollout) that made it, told by
 * the template hash in its name, so that no ReplicaSet has to be watched; a pod without a controller is its
 * own workload.
 */
export function workloadOf(pod: V1Pod): WorkloadId {
  const namespace = pod.metadata?.namespace ?? '';
  const owner = pod.metadata?.ownerReferences?.find(({ controller }) => controller);
  // A static pod's mirror is controlled by its node, which nobody would call its workload.
  if (!owner || owner.kind === 'Node') return { namespace, kind: 'Pod', name: pod.metadata?.name ?? '' };
  if (owner.kind === 'ReplicaSet') {
    for (const [label, kind] of TEMPLATE_HASHES) {
      const suffix = `-${pod.metadata?.labels?.[label] ?? ''}`;
      if (suffix !== '-' && owner.name.endsWith(suffix)) {
        return { namespace, kind, name: owner.name.slice(0, -suffix.length) };
      }
    }
  }
  return { namespace, kind: owner.kind, name: owner.name };
}

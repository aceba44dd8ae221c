import { randomSuffix, controllerReference, isControlledBy, type KubeObject } from '../objects/meta.js';
import { isReady, type Pod, type PodTemplate, qosClass } from '../objects/pod.js';
import type { Store } from '../store.js';

/** The pods that a workload controls, in any state. */
export function podsOf(store: Store, owner: KubeObject): Pod[] {
  return store.list('pods', owner.metadata.namespace).filter((pod) => isControlledBy(pod, owner));
}

/** Creates a pod from a workload's template; without a given name it gets a random suffix. */
export function createPod(
  store: Store,
  owner: KubeObject,
  template: PodTemplate,
  identity: { name?: string; labels?: Record<string, string> } = {},
): Pod {
  const generateName = `${owner.metadata.name}-`;
  const { annotations } = template.metadata;
  return store.create('pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: identity.name ?? `${generateName}${randomSuffix()}`,
      generateName,
      ...(owner.metadata.namespace !== undefined && { namespace: owner.metadata.namespace }),
      labels: { ...template.metadata.labels, ...identity.labels },
      ...(annotations && { annotations }),
      ownerReferences: [controllerReference(owner)],
    },
    spec: template.spec,
    status: { phase: 'Pending', qosClass: qosClass(template.spec) },
  });
}

/**
 * Orders pods for deletion: first those not scheduled, then pending, then not ready, then the youngest
 * (k8s.io/kubernetes ActivePodsWithRanks, without the ranks of nodes).
 */
export function byDeletionOrder(a: Pod, b: Pod): number {
  return (
    rank(a.spec.nodeName !== undefined, b.spec.nodeName !== undefined) ||
    rank(a.status.phase === 'Running', b.status.phase === 'Running') ||
    rank(isReady(a), isReady(b)) ||
    Date.parse(b.metadata.creationTimestamp) - Date.parse(a.metadata.creationTimestamp) ||
    (a.metadata.name < b.metadata.name ? -1 : 1)
  );
}

function rank(a: boolean, b: boolean): number {
  return Number(a) - Number(b);
}

import { deleteObject } from '../deletion.js';
import { EventRecorder } from '../events.js';
import { type Log, controllerOf, Reconciler, self, type Key } from './reconciler.js';
import type { ReplicaSet } from '../objects/apps.js';
import { isActive, isAvailable, isReady, type Pod } from '../objects/pod.js';
import type { Store } from '../store.js';
import { byDeletionOrder, createPod, podsOf } from './pods.js';

/** Keeps the specified number of pods of each ReplicaSet. */
export function replicaSetController(store: Store, log: Log): Reconciler {
  const events = new EventRecorder(store, 'replicaset-controller');
  const triggers = { replicasets: self, pods: controllerOf('ReplicaSet') };
  return new Reconciler(store, log, triggers, ({ namespace, name }: Key) => {
    const set = store.get('replicasets', namespace, name);
    if (!set) return undefined;
    const pods = podsOf(store, set).filter(isActive);
    if (set.metadata.deletionTimestamp === undefined) adjust(store, events, set, pods);
    return writeStatus(store, set);
  });
}

function adjust(store: Store, events: EventRecorder, set: ReplicaSet, pods: Pod[]): void {
  const surplus = pods.length - set.spec.replicas;
  for (let missing = -surplus; missing > 0; missing -= 1) {
    const pod = createPod(store, set, set.spec.template);
    events.normal(set, 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
  }
  for (const pod of pods.toSorted(byDeletionOrder).slice(0, Math.max(0, surplus))) {
    deleteObject(store, 'pods', pod);
    events.normal(set, 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`);
  }
}

function writeStatus(store: Store, set: ReplicaSet): number | undefined {
  const { minReadySeconds } = set.spec;
  const pods = podsOf(store, set).filter(isActive);
  const ready = pods.filter(isReady);
  const available = ready.filter((pod) => isAvailable(pod, minReadySeconds));
  store.mutate('replicasets', set, (draft) => {
    draft.status = {
      replicas: pods.length,
      fullyLabeledReplicas: pods.length,
      readyReplicas: ready.length,
      availableReplicas: available.length,
      observedGeneration: draft.metadata.generation ?? 0,
    };
  });
  return available.length < ready.length ? 1 : undefined;
}

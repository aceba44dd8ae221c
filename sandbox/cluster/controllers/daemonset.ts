import { deleteObject } from '../deletion.js';
import { type Log, controllerOf, Reconciler, self } from './reconciler.js';
import { contentHash } from '../objects/meta.js';
import type { DaemonSet } from '../objects/apps.js';
import { isAvailable, isFinished, isReady, type Pod } from '../objects/pod.js';
import type { Store } from '../store.js';
import { createPod, podsOf } from './pods.js';

const REVISION_LABEL = 'controller-revision-hash';

/** Keeps one pod of each DaemonSet on the only node, and replaces it after a change of the template. */
export function daemonSetController(store: Store, log: Log): Reconciler {
  const triggers = { daemonsets: self, pods: controllerOf('DaemonSet') };
  return new Reconciler(store, log, triggers, ({ namespace, name }) => {
    const set = store.get('daemonsets', namespace, name);
    if (!set) return undefined;
    if (set.metadata.deletionTimestamp === undefined) keepOne(store, set);
    writeStatus(store, set);
    return set.spec.minReadySeconds > 0 ? 1 : undefined;
  });
}

function keepOne(store: Store, set: DaemonSet): void {
  const pods = podsOf(store, set);
  const replaceable = set.spec.updateStrategy.type === 'RollingUpdate';
  for (const pod of pods) {
    const outdated = replaceable && !isUpdated(set, pod);
    if (pod.metadata.deletionTimestamp === undefined && (outdated || isFinished(pod)))
      deleteObject(store, 'pods', pod);
  }
  if (pods.length > 0) return;
  createPod(store, set, set.spec.template, { labels: { [REVISION_LABEL]: contentHash(set.spec.template) } });
}

function writeStatus(store: Store, set: DaemonSet): void {
  const pods = podsOf(store, set);
  store.mutate('daemonsets', set, (draft) => {
    draft.status = {
      observedGeneration: draft.metadata.generation ?? 0,
      desiredNumberScheduled: 1,
      currentNumberScheduled: pods.length,
      numberMisscheduled: 0,
      numberReady: pods.filter(isReady).length,
      numberAvailable: pods.filter((pod) => isAvailable(pod, draft.spec.minReadySeconds)).length,
      updatedNumberScheduled: pods.filter((pod) => isUpdated(draft, pod)).length,
    };
  });
}

function isUpdated(set: DaemonSet, pod: Pod): boolean {
  return pod.metadata.labels?.[REVISION_LABEL] === contentHash(set.spec.template);
}

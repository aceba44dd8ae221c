import { EventRecorder } from '../events.js';
import { type Log, Reconciler, self } from './reconciler.js';
import { setCondition } from '../objects/meta.js';
import type { Store } from '../store.js';

/**
 * Binds every pod to the only node, unless that is cordoned. It does not compare requests with the node's capacity, so
 * that the demo runs on a small machine, too.
 */
export function scheduler(store: Store, log: Log, nodeName: string): Reconciler {
  const events = new EventRecorder(store, 'default-scheduler');
  const waiting = (): { namespace: string; name: string }[] =>
    store
      .list('pods')
      .filter(({ spec }) => spec.nodeName === undefined)
      .flatMap(self);
  return new Reconciler(store, log, { pods: self, nodes: waiting }, ({ namespace, name }) => {
    const pod = store.get('pods', namespace, name);
    if (!pod || pod.spec.nodeName !== undefined || pod.metadata.deletionTimestamp !== undefined)
      return undefined;
    const cordoned = store.get('nodes', undefined, nodeName)?.spec.unschedulable === true;
    const message = '0/1 nodes are available: 1 node(s) were unschedulable.';
    store.mutate('pods', pod, (draft) => {
      if (!cordoned) draft.spec.nodeName = nodeName;
      const outcome = cordoned ? { reason: 'Unschedulable', message } : {};
      const status = cordoned ? 'False' : 'True';
      draft.status.conditions = setCondition(draft.status.conditions, {
        type: 'PodScheduled',
        status,
        ...outcome,
      });
    });
    if (cordoned) events.warning(pod, 'FailedScheduling', message);
    else events.normal(pod, 'Scheduled', `Successfully assigned ${namespace}/${name} to ${nodeName}`);
    return undefined;
  });
}

import type { ResourceName } from './objects/kinds.js';
import { timestamp, type KubeObject } from './objects/meta.js';
import { isFinished, type Pod } from './objects/pod.js';
import { allResources } from './resources.js';
import type { Store } from './store.js';

export const FOREGROUND = 'foregroundDeletion';

export interface DeletionOptions {
  /** Seconds between SIGTERM and SIGKILL; the pod's `terminationGracePeriodSeconds` by default. */
  gracePeriodSeconds?: number | undefined;
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan' | undefined;
}

/**
 * Deletes an object as the API server does: at once, or by setting its `deletionTimestamp` when the kubelet, the
 * namespace controller or the owner of a finalizer must act first.
 *
 * @returns the object if it still exists
 */
export function deleteObject(
  store: Store,
  resource: ResourceName,
  object: KubeObject,
  options: DeletionOptions = {},
): KubeObject | undefined {
  if (options.propagationPolicy === 'Orphan') orphanDependents(store, object);
  const grace = gracePeriod(resource, object, options);
  const foreground = options.propagationPolicy === 'Foreground' && resource !== 'pods';
  if (grace === 0 && !foreground && !object.metadata.finalizers?.length && resource !== 'namespaces') {
    store.remove(resource, object);
    return undefined;
  }
  return store.mutate(resource, object, (draft) => {
    const finalizers = draft.metadata.finalizers ?? [];
    if (foreground && !finalizers.includes(FOREGROUND))
      draft.metadata.finalizers = [...finalizers, FOREGROUND];
    draft.metadata.deletionTimestamp ??= timestamp(Date.now() + grace * 1000);
    if (resource === 'pods') draft.metadata.deletionGracePeriodSeconds ??= grace;
    if (resource === 'namespaces') (draft as { status?: unknown }).status = { phase: 'Terminating' };
  });
}

/** Every object that has `owner` among its owners. */
export function dependentsOf(
  store: Store,
  owner: KubeObject,
): { resource: ResourceName; object: KubeObject }[] {
  return allResources().flatMap(({ resource }) =>
    store
      .list(resource)
      .filter((object) => object.metadata.ownerReferences?.some(({ uid }) => uid === owner.metadata.uid))
      .map((object) => ({ resource, object })),
  );
}

function gracePeriod(resource: ResourceName, object: KubeObject, options: DeletionOptions): number {
  if (resource !== 'pods') return 0;
  const pod = object as Pod;
  if (pod.spec.nodeName === undefined || isFinished(pod)) return 0;
  return options.gracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds;
}

function orphanDependents(store: Store, owner: KubeObject): void {
  for (const { resource, object } of dependentsOf(store, owner)) {
    store.mutate(resource, object, (draft) => {
      const others = draft.metadata.ownerReferences?.filter(({ uid }) => uid !== owner.metadata.uid);
      draft.metadata.ownerReferences = others ?? [];
    });
  }
}

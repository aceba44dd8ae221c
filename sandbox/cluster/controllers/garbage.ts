import { deleteObject, dependentsOf, FOREGROUND } from '../deletion.js';
import type { ResourceName } from '../objects/kinds.js';
import type { KubeObject, OwnerReference } from '../objects/meta.js';
import { findKind, namespacedResources } from '../resources.js';
import type { Change, Store } from '../store.js';
import type { Controller } from './reconciler.js';

/** Lifetime of Events, the API server's default (`--event-ttl`). */
const EVENT_TTL_MS = 3_600_000;
const SWEEP_MS = 60_000;

/** Deletes the dependents of deleted objects, the content of deleted namespaces, and old Events. */
export class GarbageCollector implements Controller {
  readonly #store: Store;
  #sweep: NodeJS.Timeout | undefined;
  #unsubscribe: (() => void) | undefined;
  readonly #pending = new Set<NodeJS.Immediate>();

  constructor(store: Store) {
    this.#store = store;
  }

  start(): void {
    this.#sweep = setInterval(() => {
      this.#deleteOldEvents();
    }, SWEEP_MS).unref();
    this.#unsubscribe = this.#store.subscribe((change) => {
      const pending = setImmediate(() => {
        this.#pending.delete(pending);
        this.#collect(change);
      });
      this.#pending.add(pending);
    });
  }

  stop(): void {
    clearInterval(this.#sweep);
    this.#unsubscribe?.();
    this.#pending.forEach(clearImmediate);
  }

  #collect({ type, resource, object }: Change): void {
    if (type === 'DELETED') {
      this.#deleteDependents(object);
      this.#finishOwners(object);
      this.#finishNamespace(object.metadata.namespace);
    } else if (object.metadata.deletionTimestamp !== undefined) {
      if (resource === 'namespaces') this.#emptyNamespace(object.metadata.name);
      this.#finishForeground(resource, object);
    }
  }

  #deleteOldEvents(): void {
    for (const event of this.#store.list('events')) {
      const last = Date.parse(event.lastTimestamp ?? event.metadata.creationTimestamp);
      if (last < Date.now() - EVENT_TTL_MS) this.#store.remove('events', event);
    }
  }

  #deleteDependents(owner: KubeObject): void {
    for (const { resource, object } of dependentsOf(this.#store, owner)) {
      const others = object.metadata.ownerReferences!.filter(({ uid }) => uid !== owner.metadata.uid);
      if (others.length === 0) deleteObject(this.#store, resource, object);
      else
        this.#store.mutate(resource, object, (draft) => {
          draft.metadata.ownerReferences = others;
        });
    }
  }

  /** `kubectl delete --cascade=foreground`: the owner is removed after its last dependent. */
  #finishForeground(resource: ResourceName, owner: KubeObject): void {
    if (!owner.metadata.finalizers?.includes(FOREGROUND)) return;
    const dependents = dependentsOf(this.#store, owner);
    for (const one of dependents) {
      if (one.object.metadata.deletionTimestamp !== undefined) continue;
      deleteObject(this.#store, one.resource, one.object, { propagationPolicy: 'Foreground' });
    }
    if (dependents.length > 0) return;
    this.#store.mutate(resource, owner, (draft) => {
      draft.metadata.finalizers = draft.metadata.finalizers!.filter((finalizer) => finalizer !== FOREGROUND);
    });
  }

  #finishOwners(dependent: KubeObject): void {
    for (const reference of dependent.metadata.ownerReferences ?? []) {
      const owner = this.#findOwner(dependent.metadata.namespace, reference);
      if (owner) this.#finishForeground(owner.resource, owner.object);
    }
  }

  #findOwner(
    namespace: string | undefined,
    { apiVersion, kind, name, uid }: OwnerReference,
  ): { resource: ResourceName; object: KubeObject } | undefined {
    const definition = findKind(apiVersion, kind);
    if (!definition) return undefined;
    const { resource } = definition;
    const object = this.#store.get(resource, definition.namespaced ? namespace : undefined, name);
    return object?.metadata.uid === uid ? { resource, object } : undefined;
  }

  #emptyNamespace(namespace: string): void {
    for (const { resource } of namespacedResources()) {
      for (const object of this.#store.list(resource, namespace)) {
        if (object.metadata.deletionTimestamp === undefined) deleteObject(this.#store, resource, object);
      }
    }
    this.#finishNamespace(namespace);
  }

  #finishNamespace(name: string | undefined): void {
    const namespace = name === undefined ? undefined : this.#store.get('namespaces', undefined, name);
    if (namespace?.metadata.deletionTimestamp === undefined) return;
    const isEmpty = namespacedResources().every(
      ({ resource }) => this.#store.list(resource, name).length === 0,
    );
    if (isEmpty) this.#store.remove('namespaces', namespace);
  }
}

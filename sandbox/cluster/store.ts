import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { alreadyExists, conflict, expired, notFound, type Target } from './api/status.js';
import type { Kinds, ResourceName } from './objects/kinds.js';
import { timestamp, type Draft, type KubeObject } from './objects/meta.js';
import { definitionOf } from './resources.js';

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** One change: `object` is the stored (or last stored) version, `previous` the one before. */
export interface Change<R extends ResourceName = ResourceName> {
  version: number;
  type: EventType;
  resource: R;
  object: Kinds[R];
  previous?: Kinds[R];
}

type Listener = (change: Change) => void;
type Listeners = Set<Listener>;

/**
 * Every object of the cluster, and a bounded history of their changes.
 *
 * One counter numbers all changes, like etcd's revision: it is the `resourceVersion` of the changed object. Stored
 * objects are frozen, so no reader sees one change; `mutate` replaces it.
 */
export class Store {
  readonly #objects = new Map<ResourceName, Map<string, KubeObject>>();
  readonly #listeners: Listeners = new Set();
  readonly #undelivered: Change[] = [];
  #delivering = false;
  #history: Change[] = [];
  #version = 1;
  #compacted = 1;

  constructor(readonly historyLimit: number) {}

  /** The resourceVersion of the newest change. */
  get version(): number {
    return this.#version;
  }

  get<R extends ResourceName>(
    resource: R,
    namespace: string | undefined,
    name: string,
  ): Kinds[R] | undefined {
    return this.#table(resource).get(keyOf(namespace, name));
  }

  /** Every object of a resource, or those of one namespace, ordered by namespace and name. */
  list<R extends ResourceName>(resource: R, namespace?: string): Kinds[R][] {
    const table = this.#table(resource);
    const keys = [...table.keys()].filter(
      (key) => namespace === undefined || key.startsWith(`${namespace}/`),
    );
    return keys.sort().map((key) => table.get(key)!);
  }

  /** @throws ApiError 409 AlreadyExists */
  create<R extends ResourceName>(
    resource: R,
    draft: Draft<Kinds[R]> & { metadata: { name: string } },
  ): Kinds[R] {
    const { name, namespace } = draft.metadata;
    if (this.get(resource, namespace, name)) throw alreadyExists(targetOf(resource, name));
    const object = structuredClone(draft) as unknown as Kinds[R];
    object.metadata.uid = randomUUID();
    object.metadata.creationTimestamp = timestamp();
    if (hasGeneration(resource)) object.metadata.generation = 1;
    return this.#commit('ADDED', resource, object);
  }

  /**
   * Replaces an object; an unchanged one keeps its version. A `resourceVersion` in the object must be the stored one.
   *
   * @throws ApiError 404, 409 Conflict
   */
  update<R extends ResourceName>(resource: R, next: Kinds[R]): Kinds[R] {
    const { name, namespace, resourceVersion } = next.metadata;
    const previous = this.get(resource, namespace, name);
    if (!previous) throw notFound(targetOf(resource, name));
    if (resourceVersion && resourceVersion !== previous.metadata.resourceVersion) {
      throw conflict(targetOf(resource, name));
    }
    const object = structuredClone(next);
    object.metadata.resourceVersion = previous.metadata.resourceVersion;
    if (isDeepStrictEqual(object, previous)) return previous;
    if (hasGeneration(resource) && !isDeepStrictEqual(object.spec, previous.spec)) {
      object.metadata.generation = (previous.metadata.generation ?? 0) + 1;
    }
    const { deletionTimestamp, finalizers } = object.metadata;
    const released = deletionTimestamp && previous.metadata.finalizers?.length && !finalizers?.length;
    return this.#commit(released ? 'DELETED' : 'MODIFIED', resource, object, previous);
  }

  /** Applies `change` to a copy of an object and stores it; does nothing if the object is gone. */
  mutate<R extends ResourceName>(
    resource: R,
    of: KubeObject,
    change: (draft: Kinds[R]) => void,
  ): Kinds[R] | undefined {
    const stored = this.get(resource, of.metadata.namespace, of.metadata.name);
    if (stored?.metadata.uid !== of.metadata.uid) return undefined;
    const draft = structuredClone(stored);
    change(draft);
    return this.update(resource, draft);
  }

  /** Removes an object at once, whatever its finalizers. */
  remove(resource: ResourceName, of: KubeObject): void {
    const stored = this.get(resource, of.metadata.namespace, of.metadata.name);
    if (stored?.metadata.uid === of.metadata.uid)
      this.#commit('DELETED', resource, structuredClone(stored), stored);
  }

  /** Calls `listener` after every change, until the returned function is called. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /**
   * Returns the changes after a version.
   *
   * @throws ApiError 410 if the history no longer has them
   */
  since(version: number): Change[] {
    if (version < this.#compacted) {
      throw expired(`too old resource version: ${version} (${this.#compacted})`);
    }
    return this.#history.filter((change) => change.version > version);
  }

  /** Drops the history: the response to a watch from any older version is 410. */
  compact(): void {
    this.#version += 1;
    this.#compacted = this.#version;
    this.#history = [];
  }

  #commit<R extends ResourceName>(
    type: EventType,
    resource: R,
    object: Kinds[R],
    previous?: Kinds[R],
  ): Kinds[R] {
    this.#version += 1;
    object.metadata.resourceVersion = String(this.#version);
    deepFreeze(object);
    const { namespace, name } = object.metadata;
    const table = this.#table(resource);
    if (type === 'DELETED') table.delete(keyOf(namespace, name));
    else table.set(keyOf(namespace, name), object);
    this.#record({ version: this.#version, type, resource, object, ...(previous && { previous }) });
    return object;
  }

  #record(change: Change): void {
    this.#history.push(change);
    if (this.#history.length > this.historyLimit) this.#compacted = this.#history.shift()!.version;
    this.#undelivered.push(change);
    this.#deliver();
  }

  /** A listener may write; its changes are delivered after the current one, in the same order to all listeners. */
  #deliver(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      for (let change = this.#undelivered.shift(); change; change = this.#undelivered.shift()) {
        for (const listener of [...this.#listeners]) listener(change);
      }
    } finally {
      this.#delivering = false;
    }
  }

  #table<R extends ResourceName>(resource: R): Map<string, Kinds[R]> {
    let table = this.#objects.get(resource);
    if (!table) this.#objects.set(resource, (table = new Map<string, KubeObject>()));
    return table as Map<string, Kinds[R]>;
  }
}

/** The object as errors name it. */
export function targetOf(resource: ResourceName, name: string): Target {
  return { group: definitionOf(resource).group, resource, name };
}

function keyOf(namespace: string | undefined, name: string): string {
  return `${namespace ?? ''}/${name}`;
}

function hasGeneration(resource: ResourceName): boolean {
  return ['apps', 'kernscale.io'].includes(definitionOf(resource).group);
}

function deepFreeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  Object.values(value).forEach(deepFreeze);
}

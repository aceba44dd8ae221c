import { errorMessage } from '../../../common/errors.js';
import type { Kinds, ResourceName } from '../objects/kinds.js';
import type { KubeObject } from '../objects/meta.js';
import type { Store } from '../store.js';

/** Receives one line per error. */
export type Log = (line: string) => void;

const RETRY_MS = 1000;

/** The object to reconcile. */
export interface Key {
  namespace: string;
  name: string;
}

/** By resource: the objects to reconcile after a change to an object of that resource. */
export type Triggers = { [R in ResourceName]?: (object: Kinds[R]) => Key[] };

/** A part of the cluster that runs from start to stop. */
export interface Controller {
  start(): void;
  stop(): void;
}

/**
 * Calls `reconcile` for every object that a change triggers. It is level-triggered: several changes in one turn of the
 * event loop cause one call, and a failure is retried. `reconcile` may return the seconds until its next call.
 */
export class Reconciler implements Controller {
  readonly #pending = new Map<string, Key>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #scheduled: NodeJS.Immediate | undefined;
  #unsubscribe: (() => void) | undefined;

  constructor(
    readonly store: Store,
    readonly log: Log,
    readonly triggers: Triggers,
    readonly reconcile: (key: Key) => number | undefined,
  ) {}

  start(): void {
    this.#unsubscribe = this.store.subscribe(({ resource, object }) => {
      this.#trigger(resource, object);
    });
    for (const resource of Object.keys(this.triggers) as ResourceName[]) {
      for (const object of this.store.list(resource)) this.#trigger(resource, object);
    }
  }

  stop(): void {
    this.#unsubscribe?.();
    this.#pending.clear();
    if (this.#scheduled) clearImmediate(this.#scheduled);
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #trigger(resource: ResourceName, object: KubeObject): void {
    const keysOf = this.triggers[resource] as ((object: KubeObject) => Key[]) | undefined;
    for (const key of keysOf?.(object) ?? []) this.#enqueue(key);
  }

  #enqueue(key: Key): void {
    this.#pending.set(`${key.namespace}/${key.name}`, key);
    this.#scheduled ??= setImmediate(() => {
      this.#drain();
    });
  }

  #drain(): void {
    this.#scheduled = undefined;
    const keys = [...this.#pending.values()];
    this.#pending.clear();
    for (const key of keys) this.#run(key);
  }

  #run(key: Key): void {
    try {
      const seconds = this.reconcile(key);
      if (seconds !== undefined) this.#later(key, seconds * 1000);
    } catch (error) {
      this.log(`controller: ${key.namespace}/${key.name}: ${errorMessage(error)}`);
      this.#later(key, RETRY_MS);
    }
  }

  #later(key: Key, milliseconds: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#enqueue(key);
    }, milliseconds).unref();
    this.#timers.add(timer);
  }
}

/** The object itself. */
export function self({ metadata }: KubeObject): Key[] {
  return [{ namespace: metadata.namespace ?? '', name: metadata.name }];
}

/** Returns a trigger for the object's controlling owner, if that has the given kind. */
export function controllerOf(kind: string): (object: KubeObject) => Key[] {
  return ({ metadata }) => {
    const owner = metadata.ownerReferences?.find((ref) => ref.controller === true && ref.kind === kind);
    return owner ? [{ namespace: metadata.namespace ?? '', name: owner.name }] : [];
  };
}

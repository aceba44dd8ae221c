import { randomSuffix, timestamp, type KubeObject } from './objects/meta.js';
import type { Store } from './store.js';

/** Records Events as client-go does: a repeated event raises the count of the first. */
export class EventRecorder {
  constructor(
    readonly store: Store,
    readonly component: string,
    readonly host?: string,
  ) {}

  normal(about: KubeObject, reason: string, message: string): void {
    this.#record(about, 'Normal', reason, message);
  }

  warning(about: KubeObject, reason: string, message: string): void {
    this.#record(about, 'Warning', reason, message);
  }

  #record(about: KubeObject, type: string, reason: string, message: string): void {
    const namespace = about.metadata.namespace ?? 'default';
    const same = this.store
      .list('events', namespace)
      .find(
        (one) =>
          one.involvedObject.uid === about.metadata.uid && one.reason === reason && one.message === message,
      );
    if (same) {
      this.store.mutate('events', same, (draft) => {
        draft.count = (draft.count ?? 1) + 1;
        draft.lastTimestamp = timestamp();
      });
      return;
    }
    if (this.#isClosing(namespace)) return;
    const { name, uid } = about.metadata;
    this.store.create('events', {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${name}.${randomSuffix(16)}`, namespace },
      involvedObject: { apiVersion: about.apiVersion, kind: about.kind, namespace, name, uid },
      type,
      reason,
      message,
      count: 1,
      firstTimestamp: timestamp(),
      lastTimestamp: timestamp(),
      source: { component: this.component, ...(this.host !== undefined && { host: this.host }) },
      reportingComponent: this.component,
      reportingInstance: this.host ?? '',
    });
  }

  /** A namespace that is being deleted accepts no new objects. */
  #isClosing(namespace: string): boolean {
    const stored = this.store.get('namespaces', undefined, namespace);
    return stored?.metadata.deletionTimestamp !== undefined;
  }
}

import type { KubeConfig } from '@kubernetes/client-node';
import { watchResource, type Watched } from '../../common/kubernetes-watch.js';
import type { Logger } from '../../common/log.js';
import { readNamespace, type KnownNamespace, type WatchedWorkload } from './objects.js';

interface NamespacesOptions {
  readonly config: KubeConfig;
  /** Called after every change. */
  readonly onChange: () => void;
  readonly log: Logger;
}

/** Labels of the namespaces, watched only while a rule selects by them. */
export class Namespaces {
  #watched: Watched<KnownNamespace> | undefined;

  constructor(private readonly options: NamespacesOptions) {}

  /** Watches them, or no longer. */
  use(isNeeded: boolean): void {
    if (isNeeded === (this.#watched !== undefined)) return;
    const { config, onChange, log } = this.options;
    this.#watched?.stop();
    this.#watched = isNeeded
      ? watchResource({ config, path: '/api/v1/namespaces', keep: readNamespace, log })
      : undefined;
    this.#watched?.onChange(onChange);
    onChange();
  }

  /** True unless they are needed and not known. */
  get synced(): boolean {
    return this.#watched?.hasSynced ?? true;
  }

  get restarts(): number {
    return this.#watched?.restarts ?? 0;
  }

  /** The workloads with the labels of their namespaces, where these are needed and known. */
  label(workloads: readonly WatchedWorkload[]): readonly WatchedWorkload[] {
    if (!this.#watched) return workloads;
    const known = new Map(this.#watched.list().map(({ name, labels }) => [name, labels]));
    return workloads.map((workload) => {
      const namespaceLabels = known.get(workload.ref.namespace);
      return { ...workload, ...(namespaceLabels && { namespaceLabels }) };
    });
  }

  /** One clause for each cause for which they are not known. */
  problems(): string[] {
    return (this.#watched?.problems() ?? []).map(
      (problem) =>
        `${problem}; rules with namespaceSelector scale nothing that they do not know the namespace of`,
    );
  }

  stop(): void {
    this.use(false);
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeConfig } from '@kubernetes/client-node';
import { errorMessage } from '../../common/errors.js';
import { watchResource, type Watched } from '../../common/kubernetes-watch.js';
import type { Logger } from '../../common/log.js';
import { readWorkload, type WatchedWorkload } from './objects.js';

export interface Kind {
  readonly apiVersion: string;
  readonly kind: string;
}

/** Kinds that are watched whatever the rules say. */
export const BUILT_IN_KINDS: readonly Kind[] = [
  { apiVersion: 'apps/v1', kind: 'Deployment' },
  { apiVersion: 'apps/v1', kind: 'StatefulSet' },
];

/** Name of the collection of a kind that has a `scale` subresource; throws where there is none. */
export type ResourceName = (apiVersion: string, kind: string) => Promise<string>;

interface KindsOptions {
  readonly config: KubeConfig;
  readonly resourceName: ResourceName;
  /** Kernscale's own. */
  readonly fieldManager: string;
  /** Called after every change of the workloads. */
  readonly onChange: () => void;
  readonly log: Logger;
  /** Seconds between two attempts to find a kind. */
  readonly retry?: number;
}

const RETRY_SECONDS = 30;

/** Watches of the workloads of further kinds, those that `match` names. */
export class Kinds {
  readonly #watches = new Map<string, KindWatch>();

  constructor(private readonly options: KindsOptions) {}

  /** Watches these kinds, and no others. */
  use(kinds: readonly Kind[]): void {
    const wanted = new Map(kinds.map((kind) => [kindKey(kind), kind]));
    for (const kind of BUILT_IN_KINDS) wanted.delete(kindKey(kind));
    for (const [key, watch] of this.#watches) {
      if (wanted.has(key)) continue;
      watch.stop();
      this.#watches.delete(key);
      this.options.onChange();
    }
    for (const [key, kind] of wanted) {
      if (!this.#watches.has(key)) this.#watches.set(key, new KindWatch(kind, this.options));
    }
  }

  get synced(): boolean {
    return [...this.#watches.values()].every(({ watched }) => watched?.hasSynced);
  }

  get restarts(): number {
    return [...this.#watches.values()].reduce((sum, { watched }) => sum + (watched?.restarts ?? 0), 0);
  }

  list(): WatchedWorkload[] {
    return [...this.#watches.values()].flatMap(({ watched }) => watched?.list() ?? []);
  }

  /** One clause for each kind that is not watched. */
  problems(): string[] {
    return [...this.#watches.values()].flatMap(({ problem, watched }) =>
      problem === undefined ? (watched?.problems() ?? []) : [problem],
    );
  }

  stop(): void {
    this.use([]);
  }
}

class KindWatch {
  watched: Watched<WatchedWorkload> | undefined;
  problem: string | undefined;
  readonly #abort = new AbortController();

  constructor(
    private readonly kind: Kind,
    private readonly options: KindsOptions,
  ) {
    void this.#start();
  }

  stop(): void {
    this.#abort.abort();
    this.watched?.stop();
  }

  async #start(): Promise<void> {
    const { config, resourceName, fieldManager, onChange, log, retry = RETRY_SECONDS } = this.options;
    const { apiVersion, kind } = this.kind;
    const isStopped = (): boolean => this.#abort.signal.aborted;
    while (!isStopped()) {
      try {
        const path = `/apis/${apiVersion}/${await resourceName(apiVersion, kind)}`;
        if (isStopped()) return;
        this.problem = undefined;
        this.watched = watchResource({
          ...{ config, path, log },
          keep: (object) => readWorkload(this.kind, object, fieldManager),
        });
        this.watched.onChange(onChange);
        return;
      } catch (error) {
        const problem = `cannot match workloads of ${apiVersion} ${kind}: ${errorMessage(error)}`;
        if (problem !== this.problem) log.warn({ error: errorMessage(error) }, problem);
        this.problem = problem;
        await sleep(retry * 1000, undefined, { signal: this.#abort.signal, ref: false }).catch(
          () => undefined,
        );
      }
    }
  }
}

/** `apps/v1/Deployment` */
export function kindKey({ apiVersion, kind }: Kind): string {
  return `${apiVersion}/${kind}`;
}

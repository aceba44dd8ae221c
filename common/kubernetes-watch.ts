import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage, KernscaleError } from './errors.js';
import type { ApiAccess } from './kubernetes-access.js';
import { ApiStatusError, openRequest, readLines, readText } from './kubernetes-request.js';
import type { Logger } from './log.js';

/** What every Kubernetes object has; client-node's models and plain interfaces both do. */
export interface Resource {
  readonly metadata?: {
    readonly namespace?: string;
    readonly name?: string;
    readonly resourceVersion?: string;
  };
}

export interface WatchOptions {
  config: ApiAccess;
  /** Path of the collection: `/api/v1/pods`, `/apis/apps/v1/namespaces/shop/deployments`. */
  path: string;
  fieldSelector?: string;
  labelSelector?: string;
  log: Logger;
  /** Bounds of the jittered exponential back-off. Default 0.5 and 30 seconds. */
  retrySeconds?: { min: number; max: number };
}

interface Keep<T, K> {
  /** What to keep of each object; all of it by default. */
  keep?: (object: T) => K;
}

/** A local copy of a Kubernetes collection, kept current by a watch. */
export interface Watched<T> {
  /** Resolves when the first list is in; stays pending when stopped before. */
  readonly synced: Promise<void>;
  readonly hasSynced: boolean;
  /** Watch requests that ended or failed and were made again. */
  readonly restarts: number;
  /** Full lists read from the API server. */
  readonly lists: number;
  /** What is known now, also while the API is down. Timestamps are strings, as on the wire. */
  list(): readonly T[];
  /** Calls `listener` after every change; a full list counts as one change. */
  onChange(listener: () => void): void;
  stop(): void;
}

/**
 * Lists a collection and follows it by a watch. While the API is down, what was known stays known; requests
 * are repeated with a jittered back-off until they succeed, and only changes of state are logged.
 */
export function watchResource<T extends Resource, K = T>(options: WatchOptions & Keep<T, K>): Watched<K> {
  const watched = new ResourceWatch<T, K>(options);
  watched.start();
  return watched;
}

interface WatchEvent<T> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: T & { code?: number; message?: string };
}

/** The server ends a watch after this many seconds at most; half of it is random, so that nodes do not meet. */
const WATCH_SECONDS = 300;
const GRACE_SECONDS = 30;
const SETTLED_MS = 1000;
/** "Too large resource version": the API server is behind what was seen, as after a restored backup. */
const TOO_LARGE = 504;
/** Who asks again may be answered: no token that is good, no permission yet, too slow, too many requests. */
const TRANSIENT = new Set([401, 403, 408, 429]);

class ResourceWatch<T extends Resource, K> implements Watched<K> {
  readonly synced: Promise<void>;
  hasSynced = false;
  restarts = 0;
  lists = 0;
  #resolveSynced!: () => void;
  #objects = new Map<string, K>();
  #version: string | undefined;
  #failures = 0;
  #down = false;
  readonly #listeners: (() => void)[] = [];
  readonly #abort = new AbortController();
  readonly #keep: (object: T) => K;

  constructor(private readonly options: WatchOptions & Keep<T, K>) {
    this.#keep = options.keep ?? ((object) => object as unknown as K);
    this.synced = new Promise((resolve) => (this.#resolveSynced = resolve));
  }

  list(): readonly K[] {
    return [...this.#objects.values()];
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  stop(): void {
    this.#abort.abort();
  }

  start(): void {
    void this.#run();
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    while (!this.#stopped()) {
      try {
        if (this.#version === undefined) await this.#list();
        await this.#follow();
      } catch (error) {
        if (this.#stopped()) return;
        this.#failed(error);
      }
      this.restarts++;
      await sleep(this.#delayMs(), undefined, { signal }).catch(() => undefined);
    }
  }

  #stopped(): boolean {
    return this.#abort.signal.aborted;
  }

  async #list(): Promise<void> {
    // Version 0 is answered from the API server's cache. After a 410 that cache may be as old as we are.
    const resourceVersion = this.lists === 0 ? '0' : undefined;
    const response = await this.#open({ resourceVersion }, GRACE_SECONDS);
    const list = JSON.parse(await readText(response)) as Resource & { items: T[] };
    this.#objects = new Map(list.items.map((object) => [keyOf(object), this.#keep(object)]));
    this.#version = list.metadata?.resourceVersion ?? '';
    this.lists++;
    this.#isBack();
    this.hasSynced = true;
    this.#resolveSynced();
    this.#notify();
  }

  /** Follows the collection until the server ends the watch, which it does in the normal course of things. */
  async #follow(): Promise<void> {
    const timeoutSeconds = Math.round(WATCH_SECONDS * (0.5 + Math.random() / 2));
    const query = {
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: this.#version,
      timeoutSeconds: String(timeoutSeconds),
    };
    const response = await this.#open(query, timeoutSeconds + GRACE_SECONDS);
    // A quiet collection sends nothing for a minute, a refused watch sends its error at once.
    const settled = setTimeout(() => {
      this.#progress();
    }, SETTLED_MS);
    try {
      for await (const line of readLines(response)) this.#apply(JSON.parse(line) as WatchEvent<T>);
    } catch (error) {
      if (error instanceof ApiStatusError) throw error;
      throw new KernscaleError('WATCH_BROKEN', `the watch of ${this.options.path} broke`, { cause: error });
    } finally {
      clearTimeout(settled);
      response.destroy();
    }
  }

  async #open(query: Record<string, string | undefined>, idleSeconds: number) {
    const { config, path, fieldSelector, labelSelector } = this.options;
    return openRequest(config, {
      path,
      query: { ...query, fieldSelector, labelSelector },
      signal: this.#abort.signal,
      idleSeconds,
    });
  }

  #apply({ type, object }: WatchEvent<T>): void {
    if (type === 'ERROR') {
      throw new ApiStatusError(object.code ?? 0, object.message ?? 'the watch was refused');
    }
    this.#version = object.metadata?.resourceVersion;
    this.#progress();
    if (type === 'BOOKMARK') return;
    if (type === 'DELETED') this.#objects.delete(keyOf(object));
    else this.#objects.set(keyOf(object), this.#keep(object));
    this.#notify();
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }

  /** A list alone is none: where every watch is refused, lists are to become rarer and rarer. */
  #progress(): void {
    this.#failures = 0;
    this.#isBack();
  }

  #isBack(): void {
    if (!this.#down) return;
    this.#down = false;
    this.options.log.info({ path: this.options.path }, 'the Kubernetes API is back');
  }

  #failed(error: unknown): void {
    const { log, path } = this.options;
    this.#failures++;
    if (error instanceof ApiStatusError && this.#version !== undefined && isRefused(error.status)) {
      this.#version = undefined;
    } else if (error instanceof KernscaleError && error.code === 'WATCH_BROKEN') {
      // A load balancer that cuts an old connection is no outage; if it is one, the next request tells.
      log.debug({ path, error: errorMessage(error) }, 'watch broken, resuming');
    } else if (!this.#down) {
      this.#down = true;
      log.warn({ path, error: errorMessage(error) }, 'cannot watch, using what is known and retrying');
    }
  }

  #delayMs(): number {
    const { min, max } = this.options.retrySeconds ?? { min: 0.5, max: 30 };
    const seconds = Math.min(max, min * 2 ** Math.max(0, this.#failures - 1));
    return seconds * 1000 * (0.5 + Math.random() / 2);
  }
}

/** Going on from the version that is known will never do: it is gone (410), from another history, or nonsense (400). */
function isRefused(status: number): boolean {
  return status === TOO_LARGE || (status >= 400 && status < 500 && !TRANSIENT.has(status));
}

function keyOf({ metadata }: Resource): string {
  return `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;
}

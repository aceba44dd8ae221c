import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage, KernscaleError } from './errors.js';
import type { ApiAccess } from './kubernetes-access.js';
import { ApiStatusError, openRequest, readLines, readText } from './kubernetes-request.js';
import type { Logger } from './log.js';

/** Metadata that every Kubernetes object has, in client-node's models and on the wire. */
interface Resource {
  readonly metadata?: {
    readonly namespace?: string;
    readonly name?: string;
    readonly resourceVersion?: string;
  };
}

interface WatchOptions {
  config: ApiAccess;
  /** Path of the collection: `/api/v1/pods`, `/apis/apps/v1/namespaces/shop/deployments`. */
  path: string;
  fieldSelector?: string;
  labelSelector?: string;
  log: Logger;
  /** Bounds of the jittered exponential back-off; default 0.5 and 30 seconds. */
  retrySeconds?: { min: number; max: number };
}

interface Keep<T, K> {
  /** Selects the part of each object to keep; all of it by default. */
  keep?: (object: T) => K;
}

/** A local copy of a Kubernetes collection, kept current by a watch. */
export interface Watched<T> {
  /** Resolves once the first list is in; stays pending if stopped before. */
  readonly synced: Promise<void>;
  readonly hasSynced: boolean;
  /** Watch requests that ended or failed and were restarted. */
  readonly restarts: number;
  /** Last known objects, also while the API is down. Timestamps are strings, as on the wire. */
  list(): readonly T[];
  /** Calls `listener` after every change; a full list counts as one. */
  onChange(listener: () => void): void;
  stop(): void;
}

/**
 * Lists a collection and follows it by a watch. While the API is down, the last known objects stay; requests are retried
 * with a jittered back-off, and only changes of state are logged.
 */
export function watchResource<T extends Resource, K = T>(options: WatchOptions & Keep<T, K>): Watched<K> {
  return new ResourceWatch<T, K>(options);
}

interface WatchEvent<T> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: T & { code?: number; message?: string };
}

/** Longest watch, in seconds; half of it is random, so that nodes do not reconnect at the same time. */
const WATCH_SECONDS = 300;
const GRACE_SECONDS = 30;
/** A watch that is open for this long counts as accepted. */
const ACCEPTED_MS = 1000;
/** "Too large resource version": the API server is older than the known version, as after a restored backup. */
const TOO_LARGE = 504;
/** Statuses for which a retry may succeed: invalid token, no permission yet, time-out, too many requests. */
const TRANSIENT = new Set([401, 403, 408, 429]);

class ResourceWatch<T extends Resource, K> implements Watched<K> {
  readonly synced: Promise<void>;
  hasSynced = false;
  restarts = 0;
  #lists = 0;
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
    void this.#run();
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
    // Version 0 is served from the API server's cache, which after a 410 may be as old as our version.
    const resourceVersion = this.#lists === 0 ? '0' : undefined;
    const response = await this.#open({ resourceVersion }, GRACE_SECONDS);
    const list = JSON.parse(await readText(response)) as Resource & { items: T[] };
    this.#objects = new Map(list.items.map((object) => [keyOf(object), this.#keep(object)]));
    this.#version = list.metadata?.resourceVersion ?? '';
    this.#lists++;
    this.#isBack();
    this.hasSynced = true;
    this.#resolveSynced();
    this.#notify();
  }

  async #follow(): Promise<void> {
    const timeoutSeconds = Math.round(WATCH_SECONDS * (0.5 + Math.random() / 2));
    const query = {
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: this.#version,
      timeoutSeconds: String(timeoutSeconds),
    };
    const response = await this.#open(query, timeoutSeconds + GRACE_SECONDS);
    // An idle collection sends nothing for a minute, a rejected watch sends its error at once.
    const accepted = setTimeout(() => {
      this.#progress();
    }, ACCEPTED_MS);
    try {
      for await (const line of readLines(response)) this.#apply(JSON.parse(line) as WatchEvent<T>);
    } catch (error) {
      if (error instanceof ApiStatusError) throw error;
      throw new KernscaleError('WATCH_BROKEN', `the watch of ${this.options.path} broke`, { cause: error });
    } finally {
      clearTimeout(accepted);
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
      throw new ApiStatusError(object.code ?? 0, object.message ?? 'the watch was rejected');
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

  /** Resets the back-off. A list alone does not: if every watch is rejected, lists must become less frequent. */
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
      // Often just a load balancer that closes an old connection; in an outage, the next request fails, too.
      log.debug({ path, error: errorMessage(error) }, 'watch broken, resuming');
    } else if (!this.#down) {
      this.#down = true;
      log.warn(
        { path, error: errorMessage(error) },
        'cannot watch, keeping the last known objects and retrying',
      );
    }
  }

  #delayMs(): number {
    const { min, max } = this.options.retrySeconds ?? { min: 0.5, max: 30 };
    const seconds = Math.min(max, min * 2 ** Math.max(0, this.#failures - 1));
    return seconds * 1000 * (0.5 + Math.random() / 2);
  }
}

/** The known version can never be continued: it is gone (410), of another history, or invalid (400). */
function isRefused(status: number): boolean {
  return status === TOO_LARGE || (status >= 400 && status < 500 && !TRANSIENT.has(status));
}

function keyOf({ metadata }: Resource): string {
  return `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;
}

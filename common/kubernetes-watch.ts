import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage, KernscaleError } from './errors.js';
import { Fields } from './fields.js';
import type { ApiAccess } from './kubernetes-access.js';
import { PAGE_SIZE, readList, type ListQuery } from './kubernetes-list.js';
import { ApiStatusError, openRequest, readLines } from './kubernetes-request.js';
import type { Logger } from './log.js';

/** Problems of single objects that are named; the others are counted. */
const MAX_NAMED = 5;

interface WatchOptions<K> {
  config: ApiAccess;
  /** Path of the collection: `/api/v1/pods`, `/apis/apps/v1/namespaces/shop/deployments`. */
  path: string;
  fieldSelector?: string;
  labelSelector?: string;
  log: Logger;
  /** Bounds of the jittered exponential back-off; default 0.5 and 30 seconds. */
  retrySeconds?: { min: number; max: number };
  /**
   * Reads the part of each object to keep. An object for which it throws is left out and named, and so is each value
   * that `Fields` leaves out: neither may cost more than itself.
   */
  keep: (object: Fields) => K;
}

/** A local copy of a Kubernetes collection, kept current by a watch. */
export interface Watched<T> {
  /** Resolves once the first list is in; stays pending if stopped before. */
  readonly synced: Promise<void>;
  readonly hasSynced: boolean;
  /** Resolves once a request is refused: the right to list is missing (403), or the API server has no such kind (404). */
  readonly refused: Promise<void>;
  /** True from then on until a request succeeds. */
  readonly isRefused: boolean;
  /** Watch requests that ended or failed and were restarted. */
  readonly restarts: number;
  /** Last known objects, also while the API is down. */
  list(): readonly T[];
  /** One clause for each cause for which `list` is not what the cluster holds. */
  problems(): string[];
  /** Calls `listener` after every change; a full list counts as one. */
  onChange(listener: () => void): void;
  stop(): void;
}

/**
 * Lists a collection and follows it by a watch. While the API is down, the last known objects stay; requests are retried
 * with a jittered back-off, and only changes of state are logged.
 */
export function watchResource<K>(options: WatchOptions<K>): Watched<K> {
  return new ResourceWatch<K>(options);
}

/** Longest watch, in seconds; half of it is random, so that nodes do not reconnect at the same time. */
const WATCH_SECONDS = 300;
const GRACE_SECONDS = 30;
/** A watch that is open for this long counts as accepted. */
const ACCEPTED_MS = 1000;
const GONE = 410;
/** "Too large resource version": the API server is older than the known version, as after a restored backup. */
const TOO_LARGE = 504;
/** Statuses for which a retry may succeed: invalid token, no permission yet, time-out, too many requests. */
const TRANSIENT = new Set([401, 403, 408, 429]);

/** No right to the collection, no such collection. */
const REFUSALS = new Set([403, 404]);

/** What is known of a collection. */
class Known<K> {
  /** The kept parts, by key. */
  readonly objects = new Map<string, K>();
  /** What could not be read of single objects. */
  readonly faults = new Map<string, string>();
}

class ResourceWatch<K> implements Watched<K> {
  readonly synced: Promise<void>;
  hasSynced = false;
  readonly refused: Promise<void>;
  isRefused = false;
  restarts = 0;
  #lists = 0;
  #resolveSynced!: () => void;
  #resolveRefused!: () => void;
  #known = new Known<K>();
  #version: string | undefined;
  #failures = 0;
  /** Reason why the collection cannot be watched. */
  #down: string | undefined;
  readonly #listeners: (() => void)[] = [];
  readonly #abort = new AbortController();

  constructor(private readonly options: WatchOptions<K>) {
    this.synced = new Promise((resolve) => (this.#resolveSynced = resolve));
    this.refused = new Promise((resolve) => (this.#resolveRefused = resolve));
    void this.#run();
  }

  list(): readonly K[] {
    return [...this.#known.objects.values()];
  }

  problems(): string[] {
    const { path } = this.options;
    const { faults } = this.#known;
    const named = [...faults.values()].slice(0, MAX_NAMED);
    const more = faults.size - named.length;
    return [
      ...(this.#down === undefined
        ? []
        : [`Cannot watch ${path}, the last known objects are used: ${this.#down}`]),
      ...named,
      ...(more > 0 ? [`${more} more objects of ${path} cannot be read in full`] : []),
    ];
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
    const [known, version] = await this.#listed({ resourceVersion, limit: String(PAGE_SIZE) }).catch(
      (error: unknown) => {
        // The list took longer than the API server keeps its version: its answer to one request cannot expire.
        if (error instanceof ApiStatusError && error.status === GONE) return this.#listed({});
        throw error;
      },
    );
    this.#known = known;
    this.#version = version;
    this.#lists++;
    this.#isBack();
    this.hasSynced = true;
    this.#resolveSynced();
    this.#notify();
  }

  /** The last known objects stay until all are in. */
  async #listed(query: ListQuery): Promise<[known: Known<K>, version: string]> {
    const known = new Known<K>();
    const open = (page: ListQuery) => this.#open(page, GRACE_SECONDS);
    const version = await readList(open, query, (object) => {
      this.#read(object, known);
    });
    return [known, version];
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
      for await (const line of readLines(response)) this.#apply(this.#event(line));
    } catch (error) {
      if (error instanceof ApiStatusError) throw error;
      throw new KernscaleError('WATCH_BROKEN', `the watch of ${this.options.path} broke`, { cause: error });
    } finally {
      clearTimeout(accepted);
      response.destroy();
    }
  }

  async #open(query: ListQuery, idleSeconds: number) {
    const { config, path, fieldSelector, labelSelector } = this.options;
    return openRequest(config, {
      path,
      query: { ...query, fieldSelector, labelSelector },
      signal: this.#abort.signal,
      idleSeconds,
    });
  }

  #event(line: string): Fields {
    try {
      return Fields.of(JSON.parse(line));
    } catch (error) {
      // The server would send it again after this version.
      this.#version = undefined;
      throw error;
    }
  }

  #apply(event: Fields): void {
    const type = event.string('type');
    const object = event.fields('object');
    if (type === 'ERROR') {
      throw new ApiStatusError(
        object.count('code') ?? 0,
        object.string('message') ?? 'the watch was rejected',
      );
    }
    // Without a version, the next watch begins with a list.
    this.#version = object.fields('metadata').string('resourceVersion');
    this.#progress();
    if (type === 'BOOKMARK') return;
    if (type === 'DELETED') this.#forget(keyOf(object));
    else this.#read(event.value('object'), this.#known);
    this.#notify();
  }

  #read(object: unknown, known: Known<K>): void {
    const faults: string[] = [];
    let key = '/';
    try {
      const fields = Fields.of(object, faults);
      key = keyOf(Fields.of(object));
      known.objects.set(key, this.options.keep(fields));
    } catch (error) {
      known.objects.delete(key);
      faults.unshift(errorMessage(error));
    }
    this.#name(key, faults, known);
  }

  #forget(key: string): void {
    this.#known.objects.delete(key);
    this.#known.faults.delete(key);
  }

  #name(key: string, faults: readonly string[], known: Known<K>): void {
    const { log, path } = this.options;
    const [first] = faults;
    if (first === undefined) {
      known.faults.delete(key);
      return;
    }
    const problem = `${path.slice(path.lastIndexOf('/') + 1)} ${key} cannot be read in full: ${first}`;
    const isNews = known.faults.get(key) !== problem && known.faults.size < MAX_NAMED;
    known.faults.set(key, problem);
    if (isNews) log.warn({ path, object: key, faults }, 'an object cannot be read in full');
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
    this.isRefused = false;
    if (this.#down === undefined) return;
    this.#down = undefined;
    this.options.log.info({ path: this.options.path }, 'the Kubernetes API is back');
  }

  #failed(error: unknown): void {
    const { log, path } = this.options;
    this.#failures++;
    if (error instanceof ApiStatusError && REFUSALS.has(error.status)) {
      this.isRefused = true;
      this.#resolveRefused();
    }
    if (error instanceof ApiStatusError && this.#version !== undefined && isRefused(error.status)) {
      this.#version = undefined;
    } else if (error instanceof KernscaleError && error.code === 'WATCH_BROKEN') {
      // Often just a load balancer that closes an old connection; in an outage, the next request fails, too.
      log.debug({ path, error: errorMessage(error) }, 'watch broken, resuming');
    } else {
      const isNews = this.#down === undefined;
      this.#down = errorMessage(error);
      if (isNews)
        log.warn({ path, error: this.#down }, 'cannot watch, keeping the last known objects and retrying');
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

function keyOf(object: Fields): string {
  const metadata = object.fields('metadata');
  return `${metadata.string('namespace') ?? ''}/${metadata.string('name') ?? ''}`;
}

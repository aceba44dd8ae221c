import type { ServerResponse } from 'node:http';
import { randomUUID } from 'node:crypto';
import type { KubeObject } from '../objects/meta.js';
import { apiVersionOf, type Definition, type ResourcePath } from '../resources.js';
import type { Change, EventType, Store } from '../store.js';
import { render, type View } from './render.js';
import { parseFieldSelector, parseLabelSelector } from './selectors.js';
import { ApiError, expired, type Status } from './status.js';

/** The API server disconnects a client that is this many bytes behind. */
const MAX_BACKLOG_BYTES = 16 * 2 ** 20;
const MAX_CONTINUATIONS = 100;
const BOOKMARK_SECONDS = 10;

interface Continuation {
  version: number;
  rest: KubeObject[];
}

interface OpenWatch {
  send: (type: EventType | 'BOOKMARK', object: KubeObject) => void;
  fail: (status: Status) => void;
  bookmark: () => void;
  end: () => void;
}

/** Serves lists and watches of one store. */
export class ListWatch {
  readonly #store: Store;
  readonly #continuations = new Map<string, Continuation>();
  readonly #open = new Set<OpenWatch>();
  readonly #bookmarks: NodeJS.Timeout;

  constructor(store: Store) {
    this.#store = store;
    this.#bookmarks = setInterval(() => {
      this.bookmark();
    }, BOOKMARK_SECONDS * 1000).unref();
  }

  /** Sends a bookmark to every watch that allows them. */
  bookmark(): void {
    for (const watch of this.#open) watch.bookmark();
  }

  /** Ends every open watch with a 410 event, as after an eviction from the API server's cache. */
  expire(): void {
    this.#continuations.clear();
    for (const watch of [...this.#open]) watch.fail(expired('too old resource version').status);
  }

  /** Closes every open watch, as an API server does that shuts down. */
  close(): void {
    clearInterval(this.#bookmarks);
    for (const watch of [...this.#open]) watch.end();
  }

  /** Lists the matching objects, in pages of `limit`. @throws ApiError 400, 410, 504 */
  list(path: ResourcePath, query: URLSearchParams, view: View): unknown {
    checkVersion(query, this.#store.version);
    const limit = Number(query.get('limit') ?? 0);
    const { version, rest: matching } = this.#page(path, query);
    const items = limit > 0 ? matching.slice(0, limit) : matching;
    const rest = matching.slice(items.length);
    const metadata = {
      resourceVersion: String(version),
      ...(rest.length > 0 && {
        continue: this.#remember({ version, rest }),
        remainingItemCount: rest.length,
      }),
    };
    const { definition } = path;
    return render(items, view, definition, {
      kind: `${definition.kind}List`,
      apiVersion: apiVersionOf(definition),
      metadata,
    });
  }

  /** Streams changes until the client disconnects, `timeoutSeconds` pass, or the history expires. @throws ApiError 400 */
  watch(path: ResourcePath, query: URLSearchParams, view: View, response: ServerResponse): void {
    const matches = matcher(path, query);
    const watch = this.#openWatch(path.definition, query, view, response);
    const pending = this.#initialChanges(path, query, matches);
    if (pending instanceof ApiError) {
      watch.fail(pending.status);
      return;
    }
    for (const { type, object } of pending) watch.send(type, object);
    if (query.get('sendInitialEvents') === 'true') {
      watch.send(
        'BOOKMARK',
        bookmarkOf(path.definition, this.#store.version, { 'k8s.io/initial-events-end': 'true' }),
      );
    }
    const unsubscribe = this.#store.subscribe((change) => {
      const event = seen(change, path, matches);
      if (event) watch.send(event.type, event.object);
    });
    response.on('close', unsubscribe);
  }

  #page(path: ResourcePath, query: URLSearchParams): Continuation {
    const token = query.get('continue');
    if (!token) {
      const matching = this.#store
        .list(path.definition.resource, path.namespace)
        .filter(matcher(path, query));
      return { version: this.#store.version, rest: matching };
    }
    const continuation = this.#continuations.get(token);
    if (!continuation)
      throw expired('The provided continue parameter is too old; restart the list without it');
    return continuation;
  }

  #remember(continuation: Continuation): string {
    const token = Buffer.from(randomUUID()).toString('base64url');
    this.#continuations.set(token, continuation);
    const [oldest] = this.#continuations.keys();
    if (this.#continuations.size > MAX_CONTINUATIONS) this.#continuations.delete(oldest!);
    return token;
  }

  #initialChanges(
    path: ResourcePath,
    query: URLSearchParams,
    matches: (object: KubeObject) => boolean,
  ): { type: EventType; object: KubeObject }[] | ApiError {
    const from = query.get('resourceVersion') ?? '';
    if (from === '' || from === '0' || query.get('sendInitialEvents') === 'true') {
      const current = this.#store.list(path.definition.resource, path.namespace).filter(matches);
      return current.map((object) => ({ type: 'ADDED', object }));
    }
    try {
      return this.#store.since(Number(from)).flatMap((change) => seen(change, path, matches) ?? []);
    } catch (error) {
      if (error instanceof ApiError) return error;
      throw error;
    }
  }

  #openWatch(
    definition: Definition,
    query: URLSearchParams,
    view: View,
    response: ServerResponse,
  ): OpenWatch {
    const write = (type: string, object: unknown): void => {
      response.write(`${JSON.stringify({ type, object })}\n`);
      if (response.writableLength > MAX_BACKLOG_BYTES) response.destroy();
    };
    const watch: OpenWatch = {
      send: (type, object) => {
        write(type, render(object, type === 'BOOKMARK' ? { ...view, as: 'object' } : view, definition));
      },
      fail: (status) => {
        write('ERROR', status);
        watch.end();
      },
      bookmark: () => {
        if (query.get('allowWatchBookmarks') !== 'true') return;
        watch.send('BOOKMARK', bookmarkOf(definition, this.#store.version));
      },
      end: () => response.end(),
    };
    response.writeHead(200, { 'content-type': 'application/json', 'transfer-encoding': 'chunked' });
    response.flushHeaders();
    this.#open.add(watch);
    const seconds = Number(query.get('timeoutSeconds') ?? 0);
    const timer = seconds > 0 ? setTimeout(watch.end, seconds * 1000) : undefined;
    response.on('close', () => {
      clearTimeout(timer);
      this.#open.delete(watch);
    });
    return watch;
  }
}

function checkVersion(query: URLSearchParams, current: number): void {
  const wanted = Number(query.get('resourceVersion') ?? 0);
  if (Number.isNaN(wanted))
    throw new ApiError(400, `invalid resource version "${query.get('resourceVersion') ?? ''}"`);
  if (wanted > current) {
    throw new ApiError(504, `Too large resource version: ${wanted}, current: ${current}`, 'Timeout', {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    });
  }
}

/** Filter of the path and the query's selectors. */
function matcher(
  { definition, namespace, name }: ResourcePath,
  query: URLSearchParams,
): (object: KubeObject) => boolean {
  const labels = parseLabelSelector(query.get('labelSelector') ?? '');
  const fields = parseFieldSelector(query.get('fieldSelector') ?? '', definition.resource);
  return (object) =>
    (namespace === undefined || object.metadata.namespace === namespace) &&
    (name === undefined || object.metadata.name === name) &&
    labels(object.metadata.labels) &&
    fields(object);
}

/**
 * The change as a client with selectors sees it: an object that no longer matches is deleted for that client, which gets
 * the last matching object with the version of the change.
 */
function seen(
  { type, resource, object, previous }: Change,
  path: ResourcePath,
  matches: (object: KubeObject) => boolean,
): { type: EventType; object: KubeObject } | undefined {
  if (resource !== path.definition.resource) return undefined;
  const before = previous !== undefined && matches(previous);
  const after = type !== 'DELETED' && matches(object);
  if (before && !after) {
    const { resourceVersion } = object.metadata;
    const metadata = { ...previous.metadata, resourceVersion };
    return { type: 'DELETED', object: { ...previous, metadata } };
  }
  if (!after) return undefined;
  return { type: before ? 'MODIFIED' : 'ADDED', object };
}

function bookmarkOf(
  definition: Definition,
  version: number,
  annotations?: Record<string, string>,
): KubeObject {
  const metadata = {
    resourceVersion: String(version),
    creationTimestamp: null,
    ...(annotations && { annotations }),
  };
  return { kind: definition.kind, apiVersion: apiVersionOf(definition), metadata } as unknown as KubeObject;
}

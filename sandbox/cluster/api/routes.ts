import type { IncomingMessage, ServerResponse } from 'node:http';
import { createReadStream, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DeletionOptions } from '../deletion.js';
import type { KubeObject } from '../objects/meta.js';
import type { Pod } from '../objects/pod.js';
import { readBody, type Body, isObject, type Json } from './body.js';
import type { ListWatch } from './list-watch.js';
import type { FieldManager } from './managed-fields.js';
import { APPLY, AppliedConfigurations, patchDocument } from './patch.js';
import type { ResourcePath } from '../resources.js';
import { negotiate, render } from './render.js';
import { scaleOf, writeScale, type Preconditions, type Writer } from './write.js';
import { ApiError } from './status.js';

const FOLLOW_MS = 200;

export interface Reply {
  code: number;
  body: unknown;
}

/** One request for a resource, and its response. */
export interface Exchange {
  path: ResourcePath;
  query: URLSearchParams;
  request: IncomingMessage;
  response: ServerResponse;
}

/** Returns the path of the log of a container's current or previous run. */
type LogPath = (pod: Pod, container: string, previous: boolean) => string | undefined;

/** The verbs of the API. A method that returns undefined writes the response itself. */
export class Routes {
  readonly #applied = new AppliedConfigurations();

  constructor(
    readonly writer: Writer,
    readonly listWatch: ListWatch,
    readonly logPath: LogPath,
  ) {}

  async handle(exchange: Exchange): Promise<Reply | undefined> {
    const { path, query, request } = exchange;
    const { name, subresource, definition } = path;
    if (subresource !== undefined && !definition.subresources.some((known) => known === subresource)) {
      throw new ApiError(404, 'the server could not find the requested resource');
    }
    switch (`${request.method ?? ''} ${name === undefined ? 'collection' : 'object'}`) {
      case 'GET collection':
        return this.#list(exchange);
      case 'POST collection':
        return this.#create(exchange, await readBody(request));
      case 'DELETE collection':
        return this.#deleteCollection(exchange, await readBody(request));
      case 'GET object':
        return query.get('watch') === 'true' ? this.#list(exchange) : this.#get(exchange);
      case 'PUT object':
        return this.#update(exchange, await readBody(request));
      case 'PATCH object':
        return this.#patch(exchange, await readBody(request));
      case 'DELETE object':
        return this.#delete(exchange, await readBody(request));
      default:
        throw new ApiError(405, 'the server does not allow this method on the requested resource');
    }
  }

  #list({ path, query, request, response }: Exchange): Reply | undefined {
    const view = negotiate(request.headers.accept, query);
    if (query.get('watch') !== 'true' && query.get('watch') !== '1') {
      return { code: 200, body: this.listWatch.list(path, query, view) };
    }
    this.listWatch.watch(path, query, view, response);
    return undefined;
  }

  async #get(exchange: Exchange): Promise<Reply | undefined> {
    const { path, query, response } = exchange;
    const object = this.writer.find(path);
    if (path.subresource === 'scale') return { code: 200, body: scaleOf(object) };
    if (path.subresource !== 'log') return this.#reply(exchange, 200, object);
    await sendLog(this.logPath, object as Pod, query, response);
    return undefined;
  }

  #create(exchange: Exchange, { content }: Body): Reply {
    return this.#reply(
      exchange,
      201,
      this.writer.create(exchange.path, required(content), isDryRun(exchange), managerOf(exchange)),
    );
  }

  #update(exchange: Exchange, { content }: Body): Reply {
    return this.#reply(exchange, 200, this.#write(exchange, required(content)));
  }

  #patch(exchange: Exchange, { type, content }: Body): Reply {
    if (type === APPLY) return this.#apply(exchange, required(content));
    const object = this.writer.find(exchange.path);
    const document = exchange.path.subresource === 'scale' ? scaleOf(object) : (object as unknown as Json);
    return this.#reply(
      exchange,
      200,
      this.#write(exchange, patchDocument(type, document, required(content))),
    );
  }

  #apply(exchange: Exchange, configuration: Json): Reply {
    const { path, query } = exchange;
    const manager = query.get('fieldManager');
    const { resource } = path.definition;
    const existing = this.writer.store.get(resource, path.namespace, path.name!);
    const object = existing
      ? this.#write(exchange, this.#applied.merge(existing, manager, configuration), configuration)
      : this.writer.create(path, configuration, isDryRun(exchange), managerOf(exchange, configuration));
    if (!isDryRun(exchange)) this.#applied.remember(object, manager, configuration);
    return this.#reply(exchange, existing ? 200 : 201, object);
  }

  #delete(exchange: Exchange, { content }: Body): Reply {
    const { path, query } = exchange;
    const object = this.writer.find(path);
    if (isDryRun(exchange)) return this.#reply(exchange, 200, object);
    const remaining = this.writer.delete(path, deletionOptions(content, query));
    if (remaining) return this.#reply(exchange, 200, remaining);
    const { group, resource } = path.definition;
    const details = { name: object.metadata.name, group, kind: resource, uid: object.metadata.uid };
    return {
      code: 200,
      body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details },
    };
  }

  #deleteCollection({ path, query, request }: Exchange, { content }: Body): Reply {
    const view = negotiate(request.headers.accept, query);
    const list = this.listWatch.list(path, query, { ...view, as: 'object' }) as { items: KubeObject[] };
    for (const { metadata } of list.items) {
      const { name, namespace } = metadata;
      this.writer.delete(
        { ...path, name, ...(namespace !== undefined && { namespace }) },
        deletionOptions(content, query),
      );
    }
    return { code: 200, body: list };
  }

  /** @param configuration what is applied, of an apply patch */
  #write(exchange: Exchange, document: Json, configuration?: Json): KubeObject {
    const { path } = exchange;
    const by = managerOf(exchange, configuration);
    if (path.subresource === 'scale') return writeScale(this.writer, path, document, isDryRun(exchange), by);
    return this.writer.update(path, document, isDryRun(exchange), by);
  }

  #reply({ path, query, request }: Exchange, code: number, object: KubeObject): Reply {
    if (path.subresource === 'scale') return { code, body: scaleOf(object) };
    return { code, body: render(object, negotiate(request.headers.accept, query), path.definition) };
  }
}

/** Who writes: by the query or, as real API servers have it, the first part of the User-Agent. */
function managerOf({ path, query, request }: Exchange, configuration?: Json): FieldManager {
  const { subresource } = path;
  return {
    name: query.get('fieldManager') ?? (request.headers['user-agent'] ?? 'unknown').split('/')[0]!,
    operation: configuration === undefined ? 'Update' : 'Apply',
    ...(subresource !== undefined && { subresource }),
    ...(isObject(configuration) && { configuration }),
  };
}

function isDryRun({ query }: Exchange): boolean {
  return query.get('dryRun') === 'All';
}

function required(content: Json | undefined): Json {
  if (content !== undefined) return content;
  throw new ApiError(400, 'the request has no body');
}

/** DeleteOptions are in the body or, from simple clients, in the query. */
function deletionOptions(
  content: Json | undefined,
  query: URLSearchParams,
): DeletionOptions & { preconditions?: Preconditions } {
  const body = (isObject(content) ? content : {}) as DeletionOptions & { preconditions?: Preconditions };
  const seconds = query.get('gracePeriodSeconds');
  const policy = query.get('propagationPolicy') as DeletionOptions['propagationPolicy'] | null;
  return {
    gracePeriodSeconds: body.gracePeriodSeconds ?? (seconds === null ? undefined : Number(seconds)),
    propagationPolicy: body.propagationPolicy ?? policy ?? undefined,
    ...(body.preconditions && { preconditions: body.preconditions }),
  };
}

/** Serves `kubectl logs`, with its `-c`, `-f`, `-p` and `--tail`. */
async function sendLog(
  logPath: LogPath,
  pod: Pod,
  query: URLSearchParams,
  response: ServerResponse,
): Promise<void> {
  const container = query.get('container') ?? pod.spec.containers[0]!.name;
  const file = logPath(pod, container, query.get('previous') === 'true');
  if (file === undefined)
    throw new ApiError(400, `container "${container}" in pod "${pod.metadata.name}" has no log`);
  const text = await readFile(file);
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.write(lastLines(text.toString(), query.get('tailLines')));
  if (query.get('follow') === 'true') {
    await follow(file, text.length, () => logPath(pod, container, false) === file, response);
  }
  response.end();
}

function lastLines(text: string, count: string | null): string {
  if (count === null) return text;
  const lines = text.split(/(?<=\n)/);
  return lines.slice(Math.max(0, lines.length - Number(count))).join('');
}

/** Sends appended data until the client disconnects or the container has another log. */
async function follow(
  file: string,
  from: number,
  isCurrent: () => boolean,
  response: ServerResponse,
): Promise<void> {
  let sent = from;
  while (!response.destroyed && isCurrent()) {
    await sleep(FOLLOW_MS);
    const size = statSync(file, { throwIfNoEntry: false })?.size ?? sent;
    if (size <= sent) continue;
    const appended = createReadStream(file, { start: sent, end: size - 1 });
    for await (const chunk of appended as AsyncIterable<Buffer>) response.write(chunk);
    sent = size;
  }
}

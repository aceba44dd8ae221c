import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';

/** An object on the wire; the server sets its resource version. */
export interface ApiObject {
  metadata: {
    namespace?: string;
    name?: string;
    uid?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    resourceVersion?: string;
  };
  [field: string]: unknown;
}

/** An API server with one collection on a real loopback socket, and faults that tests inject. */
export class LoopbackApi {
  readonly requests: { url: URL; authorization: string | undefined }[] = [];
  /** Status of every response while it is set. */
  failWith: number | undefined;
  /** Status of every response to a watch while it is set. */
  refuseWatchesWith: number | undefined;
  /** Body of every list while it is set. */
  listBody: string | undefined;
  /** Most objects of one response to a list that has a `limit`: the API server's cache knows no limit. */
  pageSize = Infinity;
  /** Rejects the next pages of a list with 410 while set. */
  expirePages = false;
  /** Sends no response while set. */
  silent = false;
  #server: Server | undefined;
  #port = 0;
  #version = 100;
  #expiredBelow = 0;
  readonly #objects = new Map<string, ApiObject>();
  readonly #log: { version: number; line: string }[] = [];
  readonly #watchers = new Set<ServerResponse>();

  /** @param tls key and certificate; without them it serves plain HTTP */
  constructor(private readonly tls?: Pick<ServerOptions, 'key' | 'cert'>) {}

  async start(): Promise<void> {
    const respond = (request: IncomingMessage, response: ServerResponse) => {
      this.#respond(request, response);
    };
    const server = this.tls ? createTlsServer(this.tls, respond) : createServer(respond);
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }

  get url(): string {
    return `${this.tls ? 'https' : 'http'}://127.0.0.1:${this.#port}`;
  }

  get watching(): number {
    return this.#watchers.size;
  }

  get lists(): number {
    return this.requests.filter(({ url }) => !url.searchParams.has('watch')).length;
  }

  kubeconfig(user: Record<string, string> = { token: 'secret' }): string {
    return JSON.stringify({
      clusters: [{ name: 'c', cluster: { server: this.url, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    });
  }

  put(object: ApiObject): void {
    const known = this.#objects.has(keyOf(object));
    this.#record(known ? 'MODIFIED' : 'ADDED', object);
    this.#objects.set(keyOf(object), this.#versioned(object));
  }

  delete(namespace: string, name: string): void {
    const object = this.#objects.get(`${namespace}/${name}`);
    if (!object) throw new Error(`no object ${namespace}/${name}`);
    this.#objects.delete(`${namespace}/${name}`);
    this.#record('DELETED', object);
  }

  bookmark(): void {
    this.#record('BOOKMARK', { metadata: {} });
  }

  /** Ends the running watches: completes the responses or resets the connections. */
  cut(how: 'end' | 'reset'): void {
    for (const response of this.#watchers) {
      if (how === 'end') response.end();
      else response.destroy();
    }
    this.#watchers.clear();
  }

  /** Drops the history, as etcd's compaction does: older resource versions get 410 from now on. */
  compact(): void {
    this.#version += 10;
    this.#expiredBelow = this.#version;
  }

  raw(line: string): void {
    for (const response of this.#watchers) response.write(`${line}\n`);
  }

  #record(type: string, object: ApiObject): void {
    this.#version++;
    const line = JSON.stringify({ type, object: this.#versioned(object) });
    this.#log.push({ version: this.#version, line });
    this.raw(line);
  }

  #versioned(object: ApiObject): ApiObject {
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
  }

  #respond(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', this.url);
    this.requests.push({ url, authorization: request.headers.authorization });
    if (this.silent) return;
    response.setHeader('content-type', 'application/json');
    const isWatch = url.searchParams.has('watch');
    const failure = this.failWith ?? (isWatch ? this.refuseWatchesWith : undefined);
    if (failure !== undefined) {
      response.writeHead(failure).end(JSON.stringify({ kind: 'Status', message: 'injected failure' }));
    } else if (isWatch) {
      this.#watch(url, response);
    } else {
      this.#list(url.searchParams, response);
    }
  }

  #list(query: URLSearchParams, response: ServerResponse): void {
    const from = Number(query.get('continue') ?? 0);
    if (from > 0 && this.expirePages) {
      response.writeHead(410).end(JSON.stringify({ kind: 'Status', message: 'continue expired' }));
      return;
    }
    const to = query.has('limit') ? from + this.pageSize : Infinity;
    const more = to < this.#objects.size && { continue: String(to) };
    const metadata = { resourceVersion: String(this.#version), ...more };
    const list = { kind: 'List', metadata, items: [...this.#objects.values()].slice(from, to) };
    response.end(this.listBody ?? JSON.stringify(list));
  }

  #watch(url: URL, response: ServerResponse): void {
    const since = Number(url.searchParams.get('resourceVersion'));
    response.writeHead(200).flushHeaders();
    if (since < this.#expiredBelow) {
      const status = { kind: 'Status', code: 410, message: 'too old resource version' };
      response.end(`${JSON.stringify({ type: 'ERROR', object: status })}\n`);
      return;
    }
    for (const { version, line } of this.#log) if (version > since) response.write(`${line}\n`);
    this.#watchers.add(response);
    response.on('close', () => this.#watchers.delete(response));
  }
}

function keyOf({ metadata }: ApiObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name ?? ''}`;
}

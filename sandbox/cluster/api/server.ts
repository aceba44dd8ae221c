import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { errorMessage } from '../../../common/errors.js';
import type { Log } from '../controllers/reconciler.js';
import { discover, openApiDocument, openApiIndex } from './discovery.js';
import { parseResourcePath } from '../resources.js';
import type { Reply, Routes } from './routes.js';
import { ApiError } from './status.js';

const HOST = '127.0.0.1';
/** Longer than clients keep idle connections, so that the server does not close one during a request. */
const KEEP_ALIVE_MS = 120_000;
/** Served without authentication, as `system:public-info-viewer` allows on a real cluster. */
const PUBLIC = new Set(['/healthz', '/livez', '/readyz', '/version']);
const OPENAPI_V2 = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

export interface ServerOptions {
  key: string;
  certificate: string;
  token: () => string;
  routes: Routes;
  log: Log;
}

/** The HTTPS server of the cluster. */
export class ApiServer {
  readonly #options: ServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #port = 0;
  /** Sees every authenticated request; rejects one by throwing an ApiError. */
  intercept: (method: string, url: URL) => void = () => undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#server = createServer({ key: options.key, cert: options.certificate }, (request, response) => {
      void this.#serve(request, response);
    });
    this.#server.keepAliveTimeout = KEEP_ALIVE_MS;
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket.on('close', () => this.#sockets.delete(socket)));
    });
  }

  get url(): string {
    return `https://${HOST}:${this.#port}`;
  }

  /** Listens on a free port the first time, and later on the same one. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, HOST, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Stops listening and closes every connection. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.disconnect();
    await closed;
  }

  disconnect(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const reply = await this.#route(request, response);
      if (reply) send(response, reply.code, reply.body);
    } catch (error) {
      if (response.headersSent) response.destroy();
      else this.#refuse(response, error);
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<Reply | undefined> {
    const url = new URL(request.url ?? '/', this.url);
    if (!PUBLIC.has(url.pathname)) this.#authenticate(request);
    this.intercept(request.method ?? '', url);
    if (request.method === 'GET' && this.#document(url.pathname, response)) return undefined;
    const path = parseResourcePath(url.pathname);
    if (!path) throw new ApiError(404, 'the server could not find the requested resource');
    return this.#options.routes.handle({ path, query: url.searchParams, request, response });
  }

  /** Serves health, discovery and OpenAPI. @returns true if the path is one of these */
  #document(pathname: string, response: ServerResponse): boolean {
    if (/^\/(healthz|livez|readyz)(\/|$)/.test(pathname)) {
      response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end('ok');
      return true;
    }
    if (pathname === '/openapi/v2') {
      // An empty protobuf message is a document without schemas, against which older kubectl validates nothing.
      response.writeHead(200, { 'content-type': OPENAPI_V2 }).end();
      return true;
    }
    const openApi = /^\/openapi\/v3(?:\/(.+))?$/.exec(pathname);
    const body = openApi
      ? openApi[1] === undefined
        ? openApiIndex()
        : openApiDocument(openApi[1])
      : discover(pathname, new URL(this.url).host);
    if (body !== undefined) send(response, 200, body);
    return body !== undefined;
  }

  #authenticate(request: IncomingMessage): void {
    if (request.headers.authorization !== `Bearer ${this.#options.token()}`)
      throw new ApiError(401, 'Unauthorized');
  }

  #refuse(response: ServerResponse, error: unknown): void {
    if (!(error instanceof ApiError)) this.#options.log(`API server: ${errorMessage(error)}`);
    const known = error instanceof ApiError ? error : new ApiError(500, errorMessage(error));
    const seconds = known.details.retryAfterSeconds;
    if (seconds !== undefined) response.setHeader('retry-after', String(seconds));
    send(response, known.code, known.status);
  }
}

function send(response: ServerResponse, code: number, body: unknown): void {
  const text = `${JSON.stringify(body)}\n`;
  response
    .writeHead(code, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
    .end(text);
}

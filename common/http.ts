import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type Koa from 'koa';
import { errorCode, errorMessage, KernscaleError } from './errors.js';
import type { Logger } from './log.js';
import { guard, isAcceptable } from './web-access.js';
import type { WebConfigFile } from './web-config.js';

const SERVER_OPTIONS = {
  requestTimeout: 30_000,
  headersTimeout: 5000,
  /** Interval at which Node.js enforces the two above; its default of 30 s would add to them. */
  connectionsCheckingInterval: 1000,
};
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Closes a connection without traffic. Longer than a profile takes, which sends nothing before its end. */
const IDLE_MS = 120_000;
/** Time for running requests to end when the server closes. */
const DRAIN_MS = 500;

/** Codes of a client that has disconnected, which is no error of the service. */
const GONE_CLIENT = new Set(['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE']);

export interface Listening {
  /** One base URL per listen address, with the bound port; the host `*` is all addresses, as `ss` writes them. */
  urls: string[];
  /** Stops accepting, closes idle connections, and aborts running requests after half a second. */
  close(): Promise<void>;
}

interface BoundServer {
  readonly server: Server;
  /** All connections, including those in a TLS handshake, which the HTTP server does not track. */
  readonly sockets: ReadonlySet<Socket>;
}

/**
 * Serves a koa application on all addresses (`:5000`, `127.0.0.1:5000`, `[::1]:5000`; port 0 takes a free one).
 *
 * @param web TLS, basic authentication and headers; undefined: plain HTTP without authentication
 * @throws KernscaleError `PORT_BUSY`, `BAD_ADDRESS` or `LISTEN_FAILED`
 */
export async function listen(
  app: Koa,
  addresses: readonly string[],
  web?: WebConfigFile,
): Promise<Listening> {
  const handler = app.callback();
  const servers: BoundServer[] = [];
  try {
    for (const address of addresses) {
      const server = createWebServer((request, response) => void handler(request, response), web);
      server.setTimeout(IDLE_MS);
      servers.push(await bind(server, address));
    }
  } catch (error) {
    await closeAll(servers);
    throw error;
  }
  const scheme = web?.current().tls ? 'https' : 'http';
  return { urls: servers.map(({ server }) => urlOf(server, scheme)), close: () => closeAll(servers) };
}

/** Logs requests that fail, unless the client has disconnected. */
export function reportErrors(app: Koa, log: Logger): void {
  app.on('error', (error: unknown) => {
    if (GONE_CLIENT.has(errorCode(error) ?? '')) return;
    log.error({ error: errorMessage(error) }, 'cannot serve a request');
  });
}

/** A server for HTTP, or for HTTPS and authentication as the web configuration says. */
function createWebServer(handler: RequestListener, web: WebConfigFile | undefined): Server {
  if (!web) return createServer(SERVER_OPTIONS, handler);
  const guarded = guard(handler, web);
  const { tls } = web.current();
  if (!tls) return createServer(SERVER_OPTIONS, guarded);
  const server = createTlsServer(
    {
      ...SERVER_OPTIONS,
      ...tls.context,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      requestCert: tls.clientAuth !== 'NoClientCert',
      // `isAcceptable` rejects, by the configuration at the time of the connection.
      rejectUnauthorized: false,
    },
    guarded,
  );
  let inUse = tls.context;
  server.prependListener('connection', () => {
    const { context } = web.current().tls ?? tls;
    if (context === inUse) return;
    inUse = context;
    server.setSecureContext(context);
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    if (!isAcceptable(socket, web.current().tls ?? tls)) socket.destroy();
  });
  return server;
}

/** Splits `[host]:port`; an empty host means all interfaces. */
function parseListenAddress(address: string): { host?: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) {
    throw new KernscaleError(
      'BAD_ADDRESS',
      `"${address}" is not a listen address; write it like :5000 or 127.0.0.1:5000`,
    );
  }
  const host = match[1] ?? match[2];
  return host ? { host, port } : { port };
}

async function bind(server: Server, address: string): Promise<BoundServer> {
  const where = parseListenAddress(address);
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(listenError(address, error));
    });
    server.listen(where, resolve);
  });
  return { server, sockets };
}

function listenError(address: string, cause: Error): KernscaleError {
  if (errorCode(cause) === 'EADDRINUSE') {
    return new KernscaleError(
      'PORT_BUSY',
      `another process is listening on ${address}; stop it or choose another with --web.listen-address`,
    );
  }
  return new KernscaleError('LISTEN_FAILED', `cannot listen on ${address}`, { cause });
}

function urlOf(server: Server, scheme: string): string {
  const { address, family, port } = server.address() as AddressInfo;
  if (address === '::') return `${scheme}://*:${port}`;
  return family === 'IPv6' ? `${scheme}://[${address}]:${port}` : `${scheme}://${address}:${port}`;
}

async function closeAll(servers: readonly BoundServer[]): Promise<void> {
  await Promise.all(
    servers.map(
      ({ server, sockets }) =>
        new Promise<void>((resolve) => {
          const drained = setTimeout(() => {
            for (const socket of sockets) socket.destroy();
          }, DRAIN_MS);
          server.close(() => {
            clearTimeout(drained);
            resolve();
          });
          server.closeIdleConnections();
        }),
    ),
  );
}

import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { BasicAuth } from './basic-auth.js';
import { allowedBySan } from './client-names.js';
import { TokenBucket } from './token-bucket.js';
import type { WebConfig, WebTls } from './web-config.js';
import type { WebConfigFile } from './web-config-file.js';

const HANDSHAKE_TIMEOUT_MS = 10_000;

/** A server that speaks HTTP, or HTTPS and basic authentication as the web configuration file says. */
export function createWebServer(
  options: ServerOptions,
  handler: RequestListener,
  web: WebConfigFile | undefined,
): Server {
  if (!web) return createServer(options, handler);
  const guarded = guard(handler, web);
  const { tls } = web.current();
  if (!tls) return createServer(options, guarded);
  const requestCert = tls.clientAuth !== 'NoClientCert';
  // Who is refused is decided below, by the configuration of that moment.
  const server = createTlsServer(
    {
      ...options,
      ...tls.context,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      requestCert,
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

function isAcceptable(socket: TLSSocket, { clientAuth, allowedSans }: WebTls): boolean {
  const certificate = socket.getPeerX509Certificate();
  const given = certificate !== undefined;
  if (allowedSans && !allowedBySan(certificate?.subjectAltName, allowedSans)) return false;
  if (clientAuth === 'RequireAndVerifyClientCert') return socket.authorized;
  if (clientAuth === 'VerifyClientCertIfGiven') return !given || socket.authorized;
  return given || clientAuth !== 'RequireAnyClientCert';
}

/** Every path wants the password, health checks too: as exporter-toolkit does it. */
function guard(handler: RequestListener, web: WebConfigFile): RequestListener {
  const auth = new BasicAuth();
  const tooMany = limiter();
  return (request, response) => {
    const { users, headers, rateLimit } = web.current();
    if (tooMany(rateLimit)) {
      response.writeHead(429, { 'Retry-After': '1' }).end('Too Many Requests\n');
      return;
    }
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (users.size === 0) {
      handler(request, response);
      return;
    }
    void auth.check(request.headers.authorization, users).then((verdict) => {
      if (verdict === 'granted') {
        handler(request, response);
      } else if (verdict === 'busy') {
        response.writeHead(503, { 'Retry-After': '1' }).end('Too many passwords to check.\n');
      } else {
        response.writeHead(401, { 'WWW-Authenticate': 'Basic' }).end('Unauthorized\n');
      }
    });
  };
}

/** Answers whether a request comes beyond the rate in force. */
function limiter(): (rate: WebConfig['rateLimit']) => boolean {
  let inForce: WebConfig['rateLimit'];
  let bucket: TokenBucket | undefined;
  return (rate) => {
    if (rate !== inForce) {
      inForce = rate;
      bucket = rate && new TokenBucket(rate.intervalSeconds, rate.burst);
    }
    return bucket?.take(performance.now() / 1000) === false;
  };
}

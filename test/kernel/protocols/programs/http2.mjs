/*
 * HTTP/2 of Node, in plain text or TLS (tls=).
 *
 * serve ms= bytes=. Clients, with port=: one (n=, one at a time), fan (n=, in=: so many at once), idle (one request, then
 * nothing), every (n=, every= ms), ping (a PING each 100 ms beside a request each 500, n=).
 */
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import tls from 'node:tls';
import { args, delayable, listen, mode, run, sleep, times } from './truth.mjs';

const n = args.n ?? 100;

function serve() {
  const keys = args.tls && {
    key: readFileSync(`${args.at}/keys/key.pem`),
    cert: readFileSync(`${args.at}/keys/cert.pem`),
  };
  const server = keys ? http2.createSecureServer(keys) : http2.createServer();
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    setTimeout(() => {
      if (stream.destroyed) return;
      stream.respond({ ':status': 200 });
      stream.end(Buffer.alloc(args.bytes ?? 100));
    }, args.ms);
  });
  listen(server);
}

const createConnection = () =>
  delayable(
    args.tls
      ? tls.connect({ port: args.port, host: '127.0.0.1', ALPNProtocols: ['h2'], rejectUnauthorized: false })
      : net.connect(args.port, '127.0.0.1').setNoDelay(),
  );

function connect() {
  const session = http2.connect(`${args.tls ? 'https' : 'http'}://127.0.0.1:${args.port}`, {
    createConnection,
  });
  session.on('error', () => undefined);
  return new Promise((resolve) => session.on('connect', () => resolve(session)));
}

async function ask(session, truth) {
  const request = session.request({ ':path': '/' });
  request.end();
  await truth.ask(
    () => new Promise((resolve, reject) => request.on('response', resolve).on('error', reject)),
  );
  await new Promise((resolve) => request.on('end', resolve).resume());
}

const clients = {
  async one(truth) {
    const session = await connect();
    await times(n, 1, () => ask(session, truth));
  },
  async fan(truth) {
    const session = await connect();
    await times(n, args.in, () => ask(session, truth));
  },
  async idle(truth) {
    await ask(await connect(), truth);
    await sleep(1500);
  },
  async every(truth) {
    const session = await connect();
    for (let i = 0; i < n; i++) {
      await ask(session, truth);
      await sleep(args.every);
    }
  },
  async ping(truth) {
    const session = await connect();
    const timer = setInterval(() => session.ping(() => undefined), 100);
    for (let i = 0; i < n; i++) {
      await ask(session, truth);
      await sleep(500);
    }
    clearInterval(timer);
  },
};

if (mode === 'serve') serve();
else await run(clients[mode]);

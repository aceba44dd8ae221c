/*
 * HTTP/1.1 of Node, in plain text or TLS (tls=1.2 or 1.3).
 *
 * serve ms= bytes= (chunks=: pieces of the answer, 20 ms apart). events: server-sent events, every= ms. polls: long polls of
 * hold= ms at /poll, other requests take ms=.
 * Clients, with port= and n=: get (think=), each (a connection a request), upload (500 KB in pieces), stream (receives n
 * events), poll (n requests on one connection beside n/12 long polls on another), work (long polls alone).
 */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { args, listen, mode, run, sleep } from './truth.mjs';

const n = args.n ?? 100;
const secure = args.tls === undefined ? {} : { minVersion: `TLSv${args.tls}`, maxVersion: `TLSv${args.tls}` };

function listenHttp(handler) {
  if (args.tls === undefined) return listen(http.createServer(handler));
  const [key, cert] = [readFileSync(`${args.at}/keys/key.pem`), readFileSync(`${args.at}/keys/cert.pem`)];
  listen(https.createServer({ ...secure, key, cert }, handler));
}

const servers = {
  serve: (request, response) =>
    request.resume().on('end', async () => {
      await sleep(args.ms);
      for (let chunk = 1; chunk < (args.chunks ?? 1); chunk++) {
        response.write('x'.repeat(100));
        await sleep(20);
      }
      response.end('x'.repeat(args.bytes ?? 100));
    }),
  events: (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    const timer = setInterval(() => response.write(`data: ${Date.now()}\n\n`), args.every);
    response.on('close', () => clearInterval(timer));
  },
  polls: async (request, response) => {
    await sleep(request.url === '/poll' ? args.hold : args.ms);
    response.end('ok');
  },
};

const client = args.tls === undefined ? http : https;
const agent = (keepAlive = true) =>
  new client.Agent({ keepAlive, maxSockets: 1, rejectUnauthorized: false, ...secure });

/** Resolves with the response once its head is there. @param onSent called when the request is sent */
const open = (options, onSent, send = (request) => request.end()) =>
  new Promise((resolve, reject) => {
    const request = client.request({ host: '127.0.0.1', port: args.port, ...options }, resolve);
    request.on('error', reject).on('finish', () => onSent?.());
    send(request);
  });

async function ask(truth, options, send) {
  let sent;
  const response = await open(options, () => (sent = truth.sent()), send);
  truth.answered(sent);
  await new Promise((resolve) => response.resume().on('end', resolve));
}

const clients = {
  async get(truth) {
    const shared = agent();
    for (let i = 0; i < n; i++) {
      await ask(truth, { agent: shared });
      if (args.think) await sleep(args.think);
    }
  },
  async each(truth) {
    for (let i = 0; i < n; i++) await ask(truth, { agent: agent(false) });
  },
  async upload(truth) {
    const shared = agent();
    for (let i = 0; i < n; i++)
      await ask(truth, { agent: shared, method: 'PUT' }, async (request) => {
        for (let piece = 0; piece < 5; piece++) {
          if (piece > 0) await sleep(15);
          request.write('x'.repeat(1000));
        }
        request.end();
      });
  },
  async stream(truth) {
    let sent;
    const response = await open({ agent: agent() }, () => (sent = truth.sent()));
    truth.answered(sent);
    let events = 0;
    for await (const _ of response) if (++events === n) break;
  },
  async poll(truth) {
    const [quick, slow] = [agent(), agent()];
    const polls = (async () => {
      for (let i = 0; i < Math.floor(n / 12); i++) await ask(truth, { agent: slow, path: '/poll' });
    })();
    for (let i = 0; i < n; i++) await ask(truth, { agent: quick });
    await polls;
  },
  async work(truth) {
    const shared = agent();
    for (let i = 0; i < n; i++) await ask(truth, { agent: shared, path: '/poll' });
  },
};

if (mode in servers) listenHttp(servers[mode]);
else await run(clients[mode]);

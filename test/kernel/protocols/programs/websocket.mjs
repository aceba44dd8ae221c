/*
 * WebSocket of ws.
 *
 * serve ms= (answers each message), push every= (sends messages unasked), sink (answers nothing).
 * Clients, with port= and n=: ask, hear (receives n messages), publish (n messages, think= ms apart).
 */
import { WebSocket, WebSocketServer } from 'ws';
import { args, mode, ready, run, sleep } from './truth.mjs';

const n = args.n ?? 100;

const servers = {
  serve: (socket) => socket.on('message', () => setTimeout(() => socket.send('x'.repeat(100)), args.ms)),
  push: (socket) => {
    const timer = setInterval(() => socket.send('x'.repeat(100)), args.every);
    socket.on('close', () => clearInterval(timer));
  },
  sink: () => undefined,
};

/** The upgrade is a request. */
async function connect(truth) {
  const socket = new WebSocket(`ws://127.0.0.1:${args.port}`, { perMessageDeflate: false });
  await truth.ask(() => new Promise((resolve) => socket.once('open', resolve)));
  return socket;
}

const message = (socket) => new Promise((resolve) => socket.once('message', resolve));

const clients = {
  async ask(truth) {
    const socket = await connect(truth);
    for (let i = 0; i < n; i++) {
      socket.send('x'.repeat(100));
      await truth.ask(() => message(socket));
    }
  },
  async hear(truth) {
    const socket = await connect(truth);
    for (let i = 0; i < n; i++) await message(socket);
  },
  async publish(truth) {
    const socket = await connect(truth);
    for (let i = 0; i < n; i++) {
      socket.send('x'.repeat(100));
      await sleep(args.think);
    }
  },
};

if (mode in servers) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' }, () => ready(server.address().port));
  server.on('connection', servers[mode]);
} else await run(clients[mode]);

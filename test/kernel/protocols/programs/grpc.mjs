/*
 * gRPC of @grpc/grpc-js.
 *
 * serve ms= bytes=. Clients, with port= and n=: unary (in=: so many at once, think=), list (n server streams of ten messages,
 * 30 ms apart), chat (one bidirectional stream of n messages, each answered).
 */
import grpc from '@grpc/grpc-js';
import { args, mode, ready, run, sleep, times } from './truth.mjs';

const n = args.n ?? 100;
const raw = (path, requestStream, responseStream) => ({
  path: `/truth.Truth/${path}`,
  requestStream,
  responseStream,
  requestSerialize: (value) => value,
  requestDeserialize: (value) => value,
  responseSerialize: (value) => value,
  responseDeserialize: (value) => value,
});
const service = {
  unary: raw('unary', false, false),
  list: raw('list', false, true),
  chat: raw('chat', true, true),
};

function serve() {
  const server = new grpc.Server();
  server.addService(service, {
    unary: (_call, answer) => setTimeout(() => answer(null, Buffer.alloc(args.bytes ?? 100)), args.ms),
    list: async (call) => {
      await sleep(args.ms);
      for (let i = 0; i < 10; i++) {
        call.write(Buffer.alloc(100));
        await sleep(30);
      }
      call.end();
    },
    chat: (call) =>
      call
        .on('data', () => setTimeout(() => call.write(Buffer.alloc(100)), args.ms))
        .on('end', () => call.end()),
  });
  server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (_error, port) => ready(port));
}

async function connect(truth) {
  const Client = grpc.makeClientConstructor(service, 'Truth');
  const client = new Client(`127.0.0.1:${args.port}`, grpc.credentials.createInsecure());
  await truth.logIn(
    () =>
      new Promise((resolve, reject) =>
        client.waitForReady(Date.now() + 10_000, (error) => (error ? reject(error) : resolve())),
      ),
  );
  return client;
}

/** Times the headers, the first of an answer. */
const first = (truth, call) => truth.ask(() => new Promise((resolve) => call.on('metadata', resolve)));

const clients = {
  async unary(truth) {
    const client = await connect(truth);
    await times(n, args.in ?? 1, async () => {
      await new Promise((resolve, reject) => {
        const call = client.unary(Buffer.alloc(100), (error) => (error ? reject(error) : resolve()));
        void first(truth, call);
      });
      if (args.think) await sleep(args.think);
    });
  },
  async list(truth) {
    const client = await connect(truth);
    await times(n, 1, async () => {
      const call = client.list(Buffer.alloc(100));
      await first(truth, call);
      await new Promise((resolve) => call.on('data', () => undefined).on('end', resolve));
    });
  },
  async chat(truth) {
    const call = (await connect(truth)).chat();
    const begun = first(truth, call);
    for (let i = 0; i < n; i++) {
      call.write(Buffer.alloc(100));
      await new Promise((resolve) => call.once('data', resolve));
      await begun;
      await sleep(20);
    }
  },
};

if (mode === 'serve') serve();
else await run(clients[mode]);

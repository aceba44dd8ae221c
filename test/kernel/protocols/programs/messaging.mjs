/*
 * Clients of MQTT, NATS and AMQP 1.0, with port= and n=.
 *
 * MQTT: qos0 and qos1 (publish, think= ms apart), subscriber (receives n messages that a peer publishes), publisher.
 * NATS: request (answered by `worker` after 12 ms), publications (think=), worker.
 * AMQP: send (each message is accepted after 12 ms), by `accept`, a server.
 */
import mqtt from 'mqtt';
import { connect as connectNats } from 'nats';
import rhea from 'rhea';
import { args, mode, ready, run, sleep } from './truth.mjs';

const n = args.n ?? 100;
const payload = Buffer.alloc(100, 'x');

const connectMqtt = (truth) =>
  truth.logIn(() => mqtt.connectAsync(`mqtt://127.0.0.1:${args.port}`, { keepalive: 600 }));

const nats = () => connectNats({ servers: `127.0.0.1:${args.port}` });

async function worker() {
  const connection = await nats();
  const subscription = connection.subscribe('work');
  await connection.flush();
  ready();
  for await (const message of subscription) setTimeout(() => message.respond(payload), 12);
}

/** Publishes for ever. */
async function publisher() {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${args.port}`, { keepalive: 600 });
  ready();
  setInterval(() => client.publish('news', payload), 50);
}

function accept() {
  const container = rhea.create_container();
  container.on('connection_open', ({ connection }) => connection.set_max_listeners?.(0));
  container.on('message', ({ delivery }) => setTimeout(() => delivery.accept(), 12));
  const server = container.listen({
    port: 0,
    host: '127.0.0.1',
    receiver_options: { autoaccept: false, credit_window: 1000 },
  });
  server.on('listening', () => ready(server.address().port));
}

const clients = {
  async qos0(truth) {
    const client = await connectMqtt(truth);
    for (let i = 0; i < n; i++) {
      client.publish('sink', payload);
      await sleep(args.think);
    }
  },
  async qos1(truth) {
    const client = await connectMqtt(truth);
    for (let i = 0; i < n; i++) {
      await truth.ask(() => client.publishAsync('sink', payload, { qos: 1 }));
      await sleep(args.think);
    }
  },
  async subscriber(truth) {
    const client = await connectMqtt(truth);
    let heard = 0;
    const all = new Promise((resolve) => client.on('message', () => ++heard === n && resolve()));
    await truth.logIn(() => client.subscribeAsync('news'));
    await all;
  },
  async request(truth) {
    const connection = await truth.logIn(nats);
    for (let i = 0; i < n; i++) await truth.ask(() => connection.request('work', payload, { timeout: 5000 }));
  },
  async publications(truth) {
    const connection = await truth.logIn(nats);
    for (let i = 0; i < n; i++) {
      connection.publish('sink', payload);
      await sleep(args.think);
    }
  },
  async send(truth) {
    const connection = rhea.create_container().connect({ port: args.port, host: '127.0.0.1' });
    const sender = connection.open_sender('queue');
    await truth.logIn(() => new Promise((resolve) => sender.once('sendable', resolve)));
    for (let i = 0; i < n; i++) {
      sender.send({ body: 'x'.repeat(100) });
      await truth.ask(() => new Promise((resolve) => sender.once('accepted', resolve)));
    }
  },
};

const others = { worker, publisher, accept };
if (mode in others) await others[mode]();
else await run(clients[mode]);

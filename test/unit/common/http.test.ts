import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import Koa from 'koa';
import { listen, type Listening } from '../../../common/http.js';

describe('the HTTP server', function () {
  this.timeout(20_000);
  let server: Listening;
  let port: number;
  let sockets: Socket[];

  beforeEach(async () => {
    const app = new Koa();
    app.use((context) => {
      context.body = 'ok';
    });
    server = await listen(app, ['127.0.0.1:0']);
    port = Number(new URL(server.urls[0]!).port);
    sockets = [];
  });

  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await server.close();
  });

  /** Opens a client that never finishes its request. */
  async function openSlowClient(): Promise<{ socket: Socket; received: () => string }> {
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    let received = '';
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n');
    const timer = setInterval(() => socket.write('X-More: x\r\n'), 200);
    socket.once('close', () => {
      clearInterval(timer);
    });
    return { socket, received: () => received };
  }

  it('serves clients while many are slow, and disconnects the slow ones', async () => {
    const slow = await Promise.all(Array.from({ length: 100 }, openSlowClient));
    const ended = Promise.all(slow.map(({ socket }) => once(socket, 'close')));
    expect(await (await fetch(server.urls[0]!)).text()).to.equal('ok');
    await ended;
    for (const { received } of slow) expect(received()).to.match(/^HTTP\/1\.1 408 /);
    expect(await (await fetch(server.urls[0]!)).text()).to.equal('ok');
  });

  it('rejects a request head that does not end', async () => {
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    let received = '';
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    socket.on('error', () => undefined);
    socket.write(`GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(100_000)}`);
    await once(socket, 'close');
    expect(received).to.match(/^HTTP\/1\.1 431 /);
  });

  const LISTENS: [on: string, address: string, url: RegExp][] = [
    // Without IPv6, all addresses are those of IPv4.
    ['all addresses', ':0', /^http:\/\/(\*|0\.0\.0\.0):\d+$/],
    ['all addresses of IPv4', '0.0.0.0:0', /^http:\/\/0\.0\.0\.0:\d+$/],
    ['one address', '127.0.0.1:0', /^http:\/\/127\.0\.0\.1:\d+$/],
  ];
  for (const [on, address, url] of LISTENS) {
    it(`says that it listens on ${on}, given ${address}`, async () => {
      const listening = await listen(new Koa(), [address]);
      await listening.close();
      expect(listening.urls[0]).to.match(url);
    });
  }

  const WRONG = ['5000', 'localhost', ':70000', '[::1', 'a:b:1'];
  for (const address of WRONG) {
    it(`refuses to listen on ${address}`, async () => {
      const refused = (await listen(new Koa(), [address]).catch((error: unknown) => error)) as {
        code: string;
      };
      expect(refused.code).to.equal('BAD_ADDRESS');
    });
  }
});

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

  /** A client that never comes to the end of its request. */
  async function dribble(): Promise<{ socket: Socket; said: () => string }> {
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    let said = '';
    socket.on('data', (chunk: Buffer) => (said += chunk.toString()));
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n');
    const timer = setInterval(() => socket.write('X-More: x\r\n'), 200);
    socket.once('close', () => {
      clearInterval(timer);
    });
    return { socket, said: () => said };
  }

  it('serves clients beside many slow ones, which it disconnects', async () => {
    const slow = await Promise.all(Array.from({ length: 100 }, dribble));
    const ended = Promise.all(slow.map(({ socket }) => once(socket, 'close')));
    expect(await (await fetch(server.urls[0]!)).text()).to.equal('ok');
    await ended;
    for (const { said } of slow) expect(said()).to.match(/^HTTP\/1\.1 408 /);
    expect(await (await fetch(server.urls[0]!)).text()).to.equal('ok');
  });

  it('rejects a request head that does not end', async () => {
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    let said = '';
    socket.on('data', (chunk: Buffer) => (said += chunk.toString()));
    socket.on('error', () => undefined);
    socket.write(`GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(100_000)}`);
    await once(socket, 'close');
    expect(said).to.match(/^HTTP\/1\.1 431 /);
  });

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

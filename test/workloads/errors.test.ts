import { expect } from 'chai';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { build, finish, killAll, launch, startServer } from './processes.js';

const WRONG: ['workload' | 'loadgen', string[], RegExp][] = [
  ['workload', [], /^workload: name the kind of workload/],
  ['workload', ['web'], /^workload: unknown kind "web"/],
  ['workload', ['cpu', '--hold=1ms'], /^workload: unknown flag "--hold=1ms"/],
  ['workload', ['cpu', '--burn', '10'], /^workload: --burn must be a duration/],
  ['workload', ['cpu', '--burn'], /^workload: --burn needs a value/],
  ['workload', ['cpu', 'fast'], /^workload: unexpected argument "fast"/],
  ['workload', ['idle', '--listen', 'localhost'], /^workload: --listen must be a numeric address/],
  ['workload', ['idle', '--listen', '192.0.2.1:80'], /^workload: cannot listen on 192.0.2.1:80: /],
  ['workload', ['disk', '--dir', '/proc'], /^workload: cannot create a file for direct I\/O in \/proc: /],
  ['workload', ['chain'], /^workload: name the service to call with --upstream/],
  ['loadgen', ['--rate=1'], /^loadgen: name the server/],
  ['loadgen', ['http://127.0.0.1:80/'], /^loadgen: give either --rate/],
  ['loadgen', ['--rate=0', 'http://127.0.0.1:80/'], /^loadgen: --rate must be a whole number above zero/],
  ['loadgen', ['--rate=1', 'http://$(CPU_SERVICE_HOST):80/'], /^loadgen: .* must be a numeric address/],
  ['loadgen', ['--rate=1', 'http://127.0.0.1:80/x'], /^loadgen: only requests for \/ are possible/],
  ['loadgen', ['--users=1000', 'http://127.0.0.1:80/'], /^loadgen: at most 256 connections/],
];

/** Returns the responses of a server up to the end of the connection. */
async function exchange(address: string, bytes: string): Promise<string> {
  const socket = connect({ host: address.split(':')[0]!, port: Number(address.split(':')[1]) });
  socket.write(bytes);
  return text(socket);
}

describe('demo programs', () => {
  before(async function () {
    this.timeout(60_000);
    await build();
  });
  afterEach(killAll);

  for (const [program, args, sentence] of WRONG) {
    it(`${[program, ...args].join(' ')}: one sentence and status 1`, async () => {
      const { status, out, err } = await finish(launch(program, args));
      expect({ status, out }).to.deep.equal({ status: 1, out: '' });
      expect(err)
        .to.match(sentence)
        .and.match(/^[^\n]+\n$/);
    });
  }

  it('listens on port 8080 of the pod whose address is in POD_IP', async () => {
    const { err } = await finish(launch('workload', ['idle'], { POD_IP: '192.0.2.1' }));
    expect(err).to.match(/^workload: cannot listen on 192\.0\.2\.1:8080: /);
  });

  it('reports an address that is in use', async () => {
    const server = await startServer('idle');
    const { status, err } = await finish(launch('workload', ['idle', '--listen', server.address]));
    expect(status).to.equal(1);
    expect(err).to.equal(`workload: cannot listen on ${server.address}: Address already in use\n`);
  });

  for (const program of ['workload', 'loadgen'] as const) {
    it(`${program} --help lists its flags`, async () => {
      const { status, out } = await finish(launch(program, ['--help']));
      expect(status).to.equal(0);
      expect(out)
        .to.match(new RegExp(`^Usage: ${program}`))
        .and.match(/\n {2}--\w/);
    });
  }

  for (const kind of ['cpu', 'idle']) {
    it(`${kind} responds to several requests sent at once, and closes on request`, async () => {
      const server = await startServer(kind);
      const responses = await exchange(
        server.address,
        'GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n' +
          'GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc' +
          'GET / HTTP/1.1\r\nConnection: close\r\n\r\n',
      );
      expect(responses.match(/^HTTP\/1\.1 \d+/gm)?.map((line) => line.slice(9))).to.deep.equal([
        '200',
        '200',
        '404',
        '405',
        '200',
      ]);
    });

    it(`${kind} rejects malformed requests`, async () => {
      const server = await startServer(kind);
      for (const bytes of ['nonsense\r\n\r\n', `GET / HTTP/1.1\r\nX: ${'x'.repeat(5000)}\r\n\r\n`]) {
        const response = await exchange(server.address, bytes).catch(() => 'HTTP/1.1 400');
        expect(response).to.match(/^HTTP\/1\.1 400/);
      }
    });
  }
});

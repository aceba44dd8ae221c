import { expect } from 'chai';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { build, cpuSeconds, finish, killAll, launch, load, startServer, type Summary } from './processes.js';

describe('load generator', () => {
  before(async function () {
    this.timeout(60_000);
    await build();
  });
  afterEach(killAll);

  it('sends at the given rate', async () => {
    const server = await startServer('idle');
    const summary = await load(server.address, '--rate=100', '--duration=2s');
    expect(summary.sent + summary.late).to.equal(200);
    expect(summary).to.include({ ok: summary.sent, failed: 0 });
    expect(summary.p50).to.be.within(0, summary.p99!);
  });

  it('draws the same random arrivals from the same seed', async () => {
    const server = await startServer('idle');
    const arrivals = async (seed: number): Promise<number> => {
      const { sent, late } = await load(
        server.address,
        '--rate=40',
        '--poisson',
        `--seed=${seed}`,
        '--duration=2s',
      );
      return sent + late;
    };
    const [first, again, other] = await Promise.all([arrivals(1), arrivals(1), arrivals(2)]);
    expect(first).to.equal(again).and.not.equal(other);
    expect(first).to.be.within(45, 115);
  });

  it('starts or drops every request that is due before the end, also if it is held up there', async () => {
    const server = await startServer('idle');
    const child = launch('loadgen', ['--rate=100', '--duration=1s', `http://${server.address}/`]);
    const finished = finish(child);
    await sleep(700);
    child.kill('SIGSTOP');
    await sleep(600);
    child.kill('SIGCONT');
    const { sent, late } = JSON.parse((await finished).out) as Summary;
    expect(sent + late).to.equal(100);
  });

  it('drops and counts arrivals while every connection is busy', async () => {
    const server = await startServer('lock', ['--hold=50ms']);
    const summary = await load(server.address, '--rate=100', '--connections=3', '--duration=2s');
    expect(summary.ok).to.be.at.most(45);
    const busyConnections = (summary.ok * summary.p50!) / 2;
    expect(busyConnections, 'connections in use, by Little’s law').to.be.within(2, 4);
    expect(summary.sent + summary.late).to.equal(200);
    expect(summary.p99).to.be.below(0.5);
  });

  it('opens a new connection after the given number of requests', async () => {
    let connections = 0;
    const server = createServer((_, response) => response.end('ok\n'));
    server.on('connection', () => connections++);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
      const args = ['--rate=50', '--connections=1', '--requests-per-connection=10', '--duration=1s'];
      const summary = await load(address, ...args);
      expect(summary.ok).to.equal(summary.sent);
      expect(connections).to.equal(Math.ceil(summary.sent / 10));
    } finally {
      server.close();
    }
  });

  it('makes users pause between response and next request', async () => {
    const server = await startServer('idle');
    const summary = await load(server.address, '--users=4', '--think=50ms', '--duration=2s');
    expect(summary.ok).to.be.within(60, 160);
  });

  it('counts failures without a server, and does not spin on them', async () => {
    const gone = await startServer('idle');
    await gone.stop();
    const begin = performance.now();
    const child = launch('loadgen', ['--users=3', '--think=0ms', `http://${gone.address}/`]);
    await sleep(1000);
    expect(await cpuSeconds(child.pid!)).to.be.below(0.1);
    child.kill('SIGTERM');
    const summary = JSON.parse((await finish(child)).out) as Summary;
    const pauses = (performance.now() - begin) / 100;
    expect(summary).to.include({ ok: 0, failed: summary.sent, p50: null, p99: null });
    expect(summary.sent).to.be.within(10, 3 * (pauses + 1));
  });

  it('fails a request after its time-out', async () => {
    const server = await startServer('lock', ['--hold=10s']);
    const args = ['--rate=10', '--connections=2', '--timeout=200ms', '--duration=1s'];
    const summary = await load(server.address, ...args);
    expect(summary).to.include({ ok: 0, failed: summary.sent });
    expect(summary.sent).to.be.within(6, 10);
  });

  it('uses little CPU, reports progress, and prints its summary at SIGTERM', async () => {
    const server = await startServer('idle');
    const child = launch('loadgen', ['--rate=50', '--verbose', `http://${server.address}/`]);
    const [progress] = (await once(child.stderr!, 'data')) as [Buffer];
    expect(progress.toString()).to.match(/^1s sent=\d+ ok=\d+ /);
    expect(await cpuSeconds(child.pid!)).to.be.below(0.05);
    child.kill('SIGTERM');
    const { status, out } = await finish(child);
    expect(status).to.equal(0);
    expect(JSON.parse(out)).to.have.all.keys('sent', 'ok', 'failed', 'late', 'p50', 'p99');
  });
});

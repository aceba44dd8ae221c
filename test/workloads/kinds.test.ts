import { expect } from 'chai';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { createServer, type AddressInfo, type Server as TcpServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { build, Connection, cpuSeconds, ioBytes, killAll, startServer, threadCount } from './processes.js';

/** Mean CPU and wall seconds of `count` consecutive requests. */
async function perRequest(
  server: { pid: number; address: string },
  count: number,
): Promise<{ cpu: number; wall: number }> {
  const connection = new Connection(server.address);
  try {
    await connection.get();
    const before = await cpuSeconds(server.pid);
    let wall = 0;
    for (let i = 0; i < count; i++) {
      const response = await connection.get();
      expect(response.status).to.equal(200);
      wall += response.seconds;
    }
    return { cpu: ((await cpuSeconds(server.pid)) - before) / count, wall: wall / count };
  } finally {
    connection.close();
  }
}

async function once(address: string, path?: string): Promise<{ status: number; seconds: number }> {
  const connection = new Connection(address);
  try {
    return await connection.get(path);
  } finally {
    connection.close();
  }
}

describe('demo servers', () => {
  before(async function () {
    this.timeout(60_000);
    await build();
  });
  afterEach(killAll);

  for (const burn of [5, 20]) {
    it(`cpu burns the ${burn} ms of CPU time of its flag, within 10 %`, async () => {
      const server = await startServer('cpu', [`--burn=${burn}ms`]);
      const { cpu } = await perRequest(server, 20);
      expect(cpu * 1000).to.be.within(burn, burn * 1.1);
    });
  }

  it('cpu is one thread that responds to health checks ahead of queued work', async () => {
    const server = await startServer('cpu', ['--burn=60ms']);
    const queued = Promise.all(Array.from({ length: 8 }, () => once(server.address)));
    await sleep(30);
    const health = await once(server.address, '/healthz');
    expect(health.status).to.equal(200);
    expect(await threadCount(server.pid)).to.equal(1);
    const responses = await queued;
    const last = Math.max(...responses.map(({ seconds }) => seconds));
    expect(last).to.be.above(0.48);
    expect(health.seconds, 'however busy the machine is').to.be.below(last / 2);
  });

  it('disk reaches the device with every request, mostly waits for it, and leaves no file', async () => {
    const directory = await mkdtemp('/var/tmp/workload-disk-test-');
    try {
      const server = await startServer('disk', ['--dir', directory]);
      expect(await readdir(directory)).to.deep.equal([]);
      const [read, written] = [
        await ioBytes(server.pid, 'read_bytes'),
        await ioBytes(server.pid, 'write_bytes'),
      ];
      const { cpu, wall } = await perRequest(server, 20);
      expect(await ioBytes(server.pid, 'read_bytes')).to.equal(read + 21 * 16 * 1024 * 1024);
      expect(await ioBytes(server.pid, 'write_bytes')).to.be.at.least(written + 21 * 4096);
      expect(cpu / wall).to.be.below(0.25);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('lock serves one request per hold at any load, and uses little CPU', async () => {
    const server = await startServer('lock', ['--hold=20ms']);
    const begin = performance.now();
    await Promise.all(Array.from({ length: 10 }, () => once(server.address)));
    const seconds = (performance.now() - begin) / 1000;
    expect(seconds).to.be.within(0.2, 1);
    expect((await perRequest(server, 10)).cpu).to.be.below(0.001);
  });

  it('lock responds to a health check while the mutex is held', async () => {
    const server = await startServer('lock', ['--hold=2s']);
    const held = once(server.address).catch(() => undefined);
    await sleep(50);
    expect((await once(server.address, '/healthz')).seconds).to.be.below(0.5);
    await server.stop();
    await held;
  });

  it('idle uses no CPU without requests', async () => {
    const server = await startServer('idle');
    await once(server.address);
    while ((await threadCount(server.pid)) > 1) await sleep(5);
    const before = await cpuSeconds(server.pid);
    await sleep(300);
    expect(await cpuSeconds(server.pid)).to.equal(before);
  });

  for (const kind of ['cpu', 'disk', 'chain', 'lock', 'idle']) {
    it(`${kind} ends on SIGTERM, without waiting for an outstanding request`, async () => {
      const slow = { cpu: ['--burn=5s'], lock: ['--hold=5s'] }[kind] ?? [];
      const env = { CPU_SERVICE_HOST: '127.0.0.1', CPU_SERVICE_PORT: '1' };
      const server = await startServer(kind, slow, env);
      const pending = once(server.address).catch(() => undefined);
      await sleep(50);
      const { status, seconds } = await server.stop();
      await pending;
      expect(status).to.equal(0);
      expect(seconds).to.be.below(4); // the request takes 5 s
    });
  }

  it('listens on an IPv6 address', async function () {
    if (!networkInterfaces()['lo']?.some(({ address }) => address === '::1')) this.skip();
    const server = await startServer('idle', ['--listen', '[::1]:0']);
    expect(server.address).to.match(/^\[::1\]:\d+$/);
    expect((await once(server.address)).status).to.equal(200);
  });
});

describe('chain', () => {
  before(async function () {
    this.timeout(60_000);
    await build();
  });
  afterEach(killAll);

  it('waits for the upstream service on a kept-alive connection', async () => {
    const cpu = await startServer('cpu', ['--burn=10ms']);
    const [host, port] = cpu.address.split(':');
    const chain = await startServer('chain', [], { CPU_SERVICE_HOST: host, CPU_SERVICE_PORT: port });
    const { cpu: own, wall } = await perRequest(chain, 10);
    expect(wall).to.be.at.least(0.01);
    expect(own).to.be.below(0.001);
  });

  /** Stops the upstream of a chain after one request through it. */
  async function withStoppedUpstream(
    use: (connection: Connection, restart: () => Promise<unknown>) => Promise<void>,
  ): Promise<void> {
    const upstream = await startServer('cpu', ['--burn=1ms']);
    const chain = await startServer('chain', ['--upstream', upstream.address]);
    const connection = new Connection(chain.address);
    try {
      expect((await connection.get()).status).to.equal(200);
      await upstream.stop();
      await use(connection, () => startServer('cpu', ['--burn=1ms', '--listen', upstream.address]));
    } finally {
      connection.close();
    }
  }

  it('responds with 502 while the upstream is gone, and recovers when it is back', async () => {
    await withStoppedUpstream(async (connection, restart) => {
      expect((await connection.get()).status).to.equal(502);
      await restart();
      expect((await connection.get()).status).to.equal(200);
    });
  });

  it('retries at once on a new connection if the kept-alive one was closed while idle', async () => {
    await withStoppedUpstream(async (connection, restart) => {
      await restart();
      expect((await connection.get()).status).to.equal(200);
    });
  });

  it('times out on an upstream that never responds', async () => {
    const sockets: Socket[] = [];
    const silent: TcpServer = createServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    try {
      const upstream = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
      const chain = await startServer('chain', ['--upstream', upstream, '--timeout=200ms']);
      const response = await once(chain.address);
      expect(response.status).to.equal(502);
      expect(response.seconds).to.be.within(0.2, 1);
    } finally {
      for (const socket of sockets) socket.destroy();
      silent.close();
    }
  });
});

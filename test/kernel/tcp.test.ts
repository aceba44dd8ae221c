import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { ContainerCounters, Histogram, PeerCounters, Snapshot } from 'bpf-linker-napi';

import { eventually } from '../eventually.js';
import type { Group, Workload } from './harness.js';
import { useKernel } from './suite.js';

/** Responses counted and timed by a client or a server. */
interface Report {
  readonly count: number;
  readonly seconds: number;
}
interface ClientReport extends Report {
  readonly failed: number;
  readonly resent: number;
}

interface Exchange {
  readonly client: ClientReport;
  readonly server: Report;
  /** The probes' measurement on either side. */
  readonly wait: PeerCounters;
  readonly serve: ContainerCounters;
  /** Messages that the probes missed, by their own account. */
  readonly missed: number;
}

interface Plan {
  readonly server: string;
  readonly client: string;
  readonly family?: 'ipv4' | 'ipv6';
  readonly count: number;
  readonly delay: number;
  /** Size of a response in bytes, number of its pieces, and milliseconds between them. */
  readonly response?: readonly [size: number, pieces?: number, gap?: number];
}

/** Time between the readings of the program's clock and of the probe's. */
const CLOCK_SECONDS = 50e-6;
const TOLERANCE = 0.1;

const observations = ({ buckets }: Histogram): number => buckets.reduce((sum, bucket) => sum + bucket, 0);
const mean = ({ count, seconds }: Report): number => seconds / count;
const meanOf = (histogram: Histogram): number => histogram.sum / observations(histogram);

describe('tcp probe, compared with programs that measure themselves', () => {
  const kernel = useKernel({ probes: ['tcp'], maxContainers: 256 });

  function countersOf({ containers }: Snapshot, slot: number): ContainerCounters {
    return containers.find((container) => container.slot === slot)!;
  }

  const missedIn = ({ drops }: Snapshot): number => drops.messages_missed! + drops.runs_skipped!;

  /** Runs a client to its end and returns its report. */
  async function run(client: Workload): Promise<ClientReport> {
    client.send('go');
    return JSON.parse(await client.line()) as ClientReport;
  }

  function tracked(): { group: Group; slot: number } {
    const group = kernel.sandbox.group();
    return { group, slot: kernel.probes.track(group.id) };
  }

  async function exchange(plan: Plan): Promise<Exchange> {
    const { family = 'ipv4', response = [64] } = plan;
    const [serving, requesting] = [tracked(), tracked()];
    const server = await serving.group.run('netserver', [plan.server, family]);
    const client = await requesting.group.run(
      'netclient',
      [plan.client, family, server.detail, plan.count, plan.delay, ...response].map(String),
    );
    const before = missedIn(kernel.probes.read());
    const clientReport = await run(client);
    server.send('report');
    const serverReport = JSON.parse(await server.line()) as Report;
    const after = kernel.probes.read();
    const address = family === 'ipv6' ? '[::1]' : '127.0.0.1';
    const wait = countersOf(after, requesting.slot).peers.find(
      ({ peer }) => peer === `${address}:${server.detail}`,
    );
    if (wait === undefined) throw new Error('the server is not among the peers');
    return {
      client: clientReport,
      server: serverReport,
      wait,
      serve: countersOf(after, serving.slot),
      missed: missedIn(after) - before,
    };
  }

  /**
   * Expects that each interval contains the next, however busy the machine is: the client's, from before its send until
   * after its receive; the probe's wait; the probe's serving; the server's, from after its receive until before its send.
   */
  function expectExact({ client, server, wait, serve, missed }: Exchange): void {
    expect(observations(wait.histograms.wait)).to.be.within(client.count - missed, client.count);
    expect(observations(serve.histograms.tcp_serve)).to.be.within(server.count - missed, server.count);
    expect(meanOf(wait.histograms.wait), 'wait').to.be.below(mean(client) + CLOCK_SECONDS);
    expect(meanOf(serve.histograms.tcp_serve), 'serve').to.be.below(
      meanOf(wait.histograms.wait) + CLOCK_SECONDS,
    );
    expect(meanOf(serve.histograms.tcp_serve), 'serve').to.be.above(mean(server) - CLOCK_SECONDS);
  }

  function expectNotOverlapped({ wait, serve }: Exchange): void {
    expect([wait.scalars.overlapped, serve.scalars.tcp_serve_overlapped]).to.deep.equal([0, 0]);
  }

  for (const transport of ['blocking', 'peeking', 'nonblocking', 'epoll', 'io_uring', 'splice'])
    for (const family of ['ipv4', 'ipv6'] as const)
      it(`is exact through ${transport} sockets, ${family}`, async () => {
        const seen = await exchange({ server: transport, client: transport, family, count: 20, delay: 10 });
        expect(seen.client.count).to.equal(20);
        expectExact(seen);
        expectNotOverlapped(seen);
      });

  it('does not count the time of a client between requests', async () => {
    const seen = await exchange({ server: 'blocking', client: 'thoughtful', count: 10, delay: 10 });
    expectExact(seen);
    expectNotOverlapped(seen);
  });

  it('is exact for responses of many packets', async () => {
    const seen = await exchange({
      server: 'blocking',
      client: 'blocking',
      count: 20,
      delay: 10,
      response: [50_000],
    });
    expectExact(seen);
    expectNotOverlapped(seen);
  });

  it('is exact, or counts as overlapped, for a response that is sent while it is read', async () => {
    const seen = await exchange({
      server: 'blocking',
      client: 'blocking',
      count: 20,
      delay: 10,
      response: [1 << 20],
    });
    expect(observations(seen.wait.histograms.wait)).to.equal(20);
    expect(meanOf(seen.wait.histograms.wait)).to.be.below(mean(seen.client) + CLOCK_SECONDS);
    expect(
      Math.abs(meanOf(seen.serve.histograms.tcp_serve) / mean(seen.server) - 1) < TOLERANCE ||
        seen.serve.scalars.tcp_serve_overlapped > 0,
    ).to.equal(true);
  });

  it('is exact for a connection pool that threads share', async () => {
    const seen = await exchange({ server: 'blocking', client: 'pooled', count: 60, delay: 10 });
    expect(seen.wait.scalars.connections).to.equal(2);
    expectExact(seen);
    expectNotOverlapped(seen);
  });

  it('is exact for connections that share a table entry', async () => {
    // About twenty of 400 sockets do, with 4,096 entries.
    const seen = await exchange({ server: 'blocking', client: 'many', count: 400, delay: 1 });
    expect(seen.wait.scalars.connections).to.equal(200);
    expectExact(seen);
    expectNotOverlapped(seen);
  });

  it('is exact for more successive connections than there are table entries', async () => {
    const seen = await exchange({ server: 'half', client: 'half', count: 3_000, delay: 0 });
    expect(seen.wait.scalars).to.include({ connections: 3_001, failures: 0 });
    expectExact(seen);
  });

  it('is exact when the client has shut down its side', async () => {
    const seen = await exchange({ server: 'half', client: 'half', count: 10, delay: 10 });
    expect(seen.wait.scalars).to.include({ connections: 11, failures: 0 });
    expectExact(seen);
    expectNotOverlapped(seen);
  });

  /** Expects a figure that is right within 10 % or counted as overlapped. */
  function expectRightOrOverlapped({ client, server, wait, serve }: Exchange): void {
    const right = (seen: Histogram, report: Report): boolean =>
      Math.abs(meanOf(seen) / mean(report) - 1) < TOLERANCE &&
      observations(seen) > (1 - TOLERANCE) * report.count;
    expect(right(wait.histograms.wait, client) || wait.scalars.overlapped > 0, 'client').to.equal(true);
    expect(
      right(serve.histograms.tcp_serve, server) || serve.scalars.tcp_serve_overlapped > 0,
      'server',
    ).to.equal(true);
  }

  it('counts requests as overlapped that overtake each other on one connection', async () => {
    const seen = await exchange({ server: 'muxed', client: 'muxed', count: 60, delay: 10 });
    expect(seen.wait.scalars.overlapped).to.be.above(0);
    expect(seen.serve.scalars.tcp_serve_overlapped).to.be.above(0);
    expectRightOrOverlapped(seen);
  });

  it('is right for overlapping requests every 5 ms to a server that takes 50 ms', async () => {
    const seen = await exchange({ server: 'muxed', client: 'steady', count: 60, delay: 50 });
    expect(seen.wait.scalars.overlapped).to.be.above(0);
    expect(seen.serve.scalars.tcp_serve_overlapped).to.be.above(0);
    // On a busy machine requests may be sent together, and then count as one.
    if (observations(seen.wait.histograms.wait) === 60)
      expect(meanOf(seen.wait.histograms.wait)).to.be.closeTo(mean(seen.client), 0.005);
    expectRightOrOverlapped(seen);
  });

  it('is right, or counts as overlapped, for a burst of requests with separate responses', async () => {
    expectRightOrOverlapped(await exchange({ server: 'muxed', client: 'burst', count: 12, delay: 10 }));
  });

  it('counts responses in pieces as overlapped while other requests are outstanding', async () => {
    const seen = await exchange({
      server: 'muxed',
      client: 'muxed',
      count: 30,
      delay: 10,
      response: [192, 3, 5],
    });
    expect(seen.wait.scalars.overlapped).to.be.above(0);
    expect(seen.serve.scalars.tcp_serve_overlapped).to.be.above(0);
  });

  it('counts the pieces of a response as one response', async () => {
    const seen = await exchange({
      server: 'blocking',
      client: 'blocking',
      count: 10,
      delay: 10,
      response: [192, 3, 5],
    });
    expectExact(seen);
  });

  it('counts retransmitted segments, and waits from their first transmission', async () => {
    const seen = await exchange({ server: 'deaf', client: 'deaf', count: 3, delay: 10 });
    expect(seen.client.resent).to.be.above(0);
    expect(seen.wait.scalars.retransmits).to.equal(seen.client.resent);
    // One more, in which the client asks the server to be deaf.
    expect(observations(seen.wait.histograms.wait)).to.equal(4);
    expect(seen.wait.histograms.wait.sum).to.be.within(0.2, seen.client.seconds + 0.05);
  });

  it('counts reset connections as failures, without a wait', async () => {
    const seen = await exchange({ server: 'reset', client: 'blocking', count: 5, delay: 10 });
    expect(seen.client).to.include({ count: 0, failed: 5 });
    expect(seen.wait.scalars).to.include({ connections: 6, failures: 5 });
    expect(observations(seen.wait.histograms.wait)).to.equal(0);
  });

  it('counts abandoned connection attempts as failures, with their retransmitted segments', async () => {
    const seen = await exchange({ server: 'full', client: 'impatient', count: 3, delay: 1_200 });
    expect(seen.client.failed).to.be.above(0);
    expect(seen.wait.scalars.failures).to.equal(seen.client.failed);
    expect(seen.wait.scalars.connections).to.equal(3 - seen.client.failed);
    expect(seen.wait.scalars.retransmits).to.equal(seen.client.resent);
  });

  it('reports the peer of a socket that another peer has refused before', async () => {
    const seen = await exchange({ server: 'blocking', client: 'again', count: 5, delay: 10 });
    expect(seen.client.failed).to.equal(1);
    expect(seen.wait.scalars).to.include({ connections: 1, failures: 0 });
    expectExact(seen);
  });

  it('bills the retransmissions of a terminated container to slot 0, not to the next user of its slot', async () => {
    const [serving, requesting] = [tracked(), tracked()];
    const server = await serving.group.run('netserver', ['gone', 'ipv4']);
    const client = await requesting.group.run('netclient', ['deaf', 'ipv4', String(server.detail), '1', '0']);
    const retransmits = (slot: number): number =>
      countersOf(kernel.probes.read(), slot).peers.reduce((sum, peer) => sum + peer.scalars.retransmits, 0);
    client.send('go');
    while (retransmits(requesting.slot) === 0) await sleep(10);
    process.kill(client.pid, 'SIGKILL');
    kernel.probes.untrack(requesting.group.id);
    kernel.probes.read();
    let next = tracked();
    while (next.slot !== requesting.slot) next = tracked(); // the lowest free slot
    const before = retransmits(0);
    await eventually('the segment is retransmitted', () => retransmits(0) > before);
    expect(countersOf(kernel.probes.read(), next.slot).peers).to.deep.equal([]);
  });

  it('exports 64 peers, and counts the others folded into one', async () => {
    const [serving, requesting] = [tracked(), tracked()];
    const server = await serving.group.run('netserver', ['blocking', 'ipv4']);
    // The server listens on 127.0.0.1 alone; the other addresses refuse.
    const client = await requesting.group.run('netclient', [
      'crowd',
      'ipv4',
      String(server.detail),
      '100',
      '0',
    ]);
    const before = kernel.probes.read().drops.peers_full!;
    const { failed } = await run(client);
    const after = kernel.probes.read();
    const { peers } = countersOf(after, requesting.slot);
    const attempts = peers.map(({ scalars }) => scalars.connections + scalars.failures);
    expect(failed).to.equal(99);
    expect(peers).to.have.length(65);
    expect(attempts.reduce((sum, each) => sum + each)).to.equal(100);
    expect(peers.find(({ peer }) => peer === 'other')!.scalars.failures).to.equal(36);
    expect(after.drops.peers_full! - before).to.equal(36);
  });
});

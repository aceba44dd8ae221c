import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { ContainerCounters, Histogram, PeerCounters, Probes } from 'bpf-linker-napi';

import { eventually } from '../eventually.js';
import { measure, type Group, type Workload } from './harness.js';
import { useKernel, withProbes } from './suite.js';

/** What a storm's client or server did, by its own account. */
interface Report {
  readonly sent: number;
  readonly answered: number;
  readonly abandoned: number;
  readonly dropped: number;
}

/** Requests of one side as they are exported. */
interface Requests extends Report {
  readonly outstanding: number;
}

/** A client's patience may end as the response arrives: it and the kernel then tell different stories. */
const NEARLY = 0.02;

const observations = ({ buckets }: Histogram): number => buckets.reduce((sum, bucket) => sum + bucket, 0);

function received({ scalars, histograms }: ContainerCounters): Requests {
  return {
    sent: scalars.tcp_requests,
    answered: observations(histograms.tcp_serve),
    abandoned: scalars.tcp_abandoned,
    dropped: scalars.tcp_dropped,
    outstanding: scalars.tcp_outstanding,
  };
}

function sent({ scalars, histograms }: PeerCounters): Requests {
  return {
    sent: scalars.sent,
    answered: observations(histograms.wait),
    abandoned: scalars.sent_abandoned,
    dropped: scalars.sent_dropped,
    outstanding: scalars.sent_outstanding,
  };
}

const ended = ({ answered, abandoned, dropped }: Report): number => answered + abandoned + dropped;

/** Expects what one read-out must hold, whatever happens meanwhile, and that no counter has fallen since another. */
function expectLaw(now: Requests, before?: Requests): void {
  expect(now.sent, 'requests').to.equal(ended(now) + now.outstanding);
  expect(now.outstanding).to.be.at.least(0);
  if (before === undefined) return;
  for (const name of ['sent', 'answered', 'abandoned', 'dropped'] as const)
    expect(now[name], name).to.be.at.least(before[name]);
}

describe('requests on TCP', () => {
  const kernel = useKernel({ probes: ['tcp', 'scheduler'], maxContainers: 256 });

  const countersOf = (slot: number, probes: Probes = kernel.probes): ContainerCounters =>
    probes.read().containers.find((container) => container.slot === slot)!;

  function tracked(): { group: Group; slot: number } {
    const group = kernel.sandbox.group();
    return { group, slot: kernel.probes.track(group.id) };
  }

  const storm = (group: Group, ...args: (string | number)[]): Promise<Workload> =>
    group.run('storm', args.map(String));

  async function reportOf(workload: Workload): Promise<Report> {
    workload.send('report');
    return JSON.parse(await workload.line()) as Report;
  }

  /** Reads again and again until `done`, and expects the law of every read-out. */
  async function expectLawUntil(done: Promise<unknown>, read: () => Requests): Promise<void> {
    const ends = done.then(() => true);
    for (let before = read(); !(await Promise.race([ends, sleep(7, false)]));) {
      const now = read();
      expectLaw(now, before);
      before = now;
    }
  }

  it('add up at every read-out, for clients that give up, reset, and are hung up on', async () => {
    const [serving, requesting] = [tracked(), tracked()];
    const server = await storm(serving.group, 'server', 4, 3);
    const client = await storm(requesting.group, 'client', server.detail, 8, 2);
    client.send('go');
    const report = client.line();
    await expectLawUntil(report, () => received(countersOf(serving.slot)));
    const truth = JSON.parse(await report) as Report;
    const [peer] = countersOf(requesting.slot).peers;
    const asked = sent(peer!);
    expectLaw(asked);
    expect(asked.outstanding).to.equal(0);
    expect(asked.sent).to.be.closeTo(truth.sent, NEARLY * truth.sent + 1);
    for (const name of ['answered', 'abandoned', 'dropped'] as const)
      expect(asked[name], name).to.be.closeTo(truth[name], NEARLY * truth.sent + 1);
    await eventually('the server has dealt with all of them', () => {
      return received(countersOf(serving.slot)).outstanding === 0;
    });
    const seen = received(countersOf(serving.slot));
    const told = await reportOf(server);
    expectLaw(seen);
    expect(seen.answered).to.be.closeTo(told.answered, NEARLY * told.answered + 1);
    expect(seen.abandoned).to.be.above(0);
    expect(seen.dropped).to.be.above(0);
  });

  it('leave nothing outstanding when server and clients are killed', async () => {
    const [serving, requesting] = [tracked(), tracked()];
    const server = await storm(serving.group, 'server', 4, 3);
    const client = await storm(requesting.group, 'client', server.detail, 8, 20);
    client.send('go');
    await eventually('requests are served', () => received(countersOf(serving.slot)).answered > 20);
    process.kill(client.pid, 'SIGKILL');
    await eventually('nothing is outstanding at the server', () => {
      const now = received(countersOf(serving.slot));
      expectLaw(now);
      return now.outstanding === 0;
    });
    const next = await storm(requesting.group, 'client', server.detail, 8, 20);
    const before = received(countersOf(serving.slot)).answered;
    next.send('go');
    await eventually('requests are served', () => received(countersOf(serving.slot)).answered > before + 20);
    process.kill(server.pid, 'SIGKILL');
    process.kill(next.pid, 'SIGKILL');
    await eventually('nothing is outstanding', () => {
      const [theirs, ours] = [countersOf(serving.slot), countersOf(requesting.slot).peers[0]!];
      expectLaw(received(theirs));
      expectLaw(sent(ours));
      return theirs.scalars.tcp_outstanding === 0 && ours.scalars.sent_outstanding === 0;
    });
  });

  it('are counted and timed in the accept queue, and given up there', async () => {
    const [serving, requesting] = [tracked(), tracked()];
    const server = await storm(serving.group, 'server', 64, 0);
    const clients = await requesting.group.run('netclient', [
      'rude',
      'ipv4',
      `${server.detail}`,
      '20',
      '400',
    ]);
    clients.send('go');
    await eventually('20 requests wait', () => countersOf(serving.slot).scalars.tcp_requests === 20);
    const [first, start] = [countersOf(serving.slot), performance.now()];
    expect(received(first)).to.deep.equal({
      sent: 20,
      answered: 0,
      abandoned: 0,
      dropped: 0,
      outstanding: 20,
    });
    await sleep(100);
    const [second, end] = [countersOf(serving.slot), performance.now()];
    if (second.scalars.tcp_outstanding === 20) {
      const grown = (second.scalars.tcp_outstanding_ns - first.scalars.tcp_outstanding_ns) / 1e9;
      expect(grown).to.be.within((20 * 100) / 1000, (20 * (end - start + 20)) / 1000);
    }
    await eventually(
      'the clients have given up',
      () => countersOf(serving.slot).scalars.tcp_abandoned === 20,
    );
    expect(countersOf(serving.slot).scalars.tcp_outstanding).to.equal(0);
    const seconds = countersOf(serving.slot).scalars.tcp_outstanding_ns / 1e9;
    expect(seconds).to.be.within(20 * 0.35, 20 * 2);
    expect(sent(countersOf(requesting.slot).peers[0]!)).to.deep.include({ sent: 20, abandoned: 20 });
  });

  it('are timed from their arrival, and served in vain, if their clients have gone before they are read', async () => {
    const [serving, requesting] = [tracked(), tracked()];
    const server = await storm(serving.group, 'late', 64, 1);
    const clients = await requesting.group.run('netclient', [
      'hasty',
      'ipv4',
      `${server.detail}`,
      '20',
      '300',
    ]);
    clients.send('go');
    const start = performance.now();
    await clients.line();
    await sleep(100);
    server.send('go');
    await eventually('all are served or dropped', () => ended(received(countersOf(serving.slot))) === 20);
    const { scalars, histograms } = countersOf(serving.slot);
    const served = observations(histograms.tcp_serve);
    expect(served).to.be.above(0);
    expect(scalars.tcp_in_vain).to.equal(served);
    // They arrived at the beginning; the kernel tells it to a clock tick.
    expect(histograms.tcp_serve.sum / served).to.be.within(0.38, (performance.now() - start) / 1000);
  });

  it('count each client that comes back after it gave up as a retry', async () => {
    const [serving, requesting] = [tracked(), tracked()];
    const server = await storm(serving.group, 'server', 64, 0);
    const giveUp = async (): Promise<void> => {
      const client = await requesting.group.run('netclient', [
        'hasty',
        'ipv4',
        `${server.detail}`,
        '1',
        '50',
      ]);
      client.send('go');
      await client.line();
    };
    await giveUp();
    await giveUp();
    expect(countersOf(serving.slot).scalars).to.include({
      tcp_requests: 2,
      tcp_outstanding: 2,
      tcp_retries: 1,
    });
  });

  it('count connections that a full accept queue refuses', async () => {
    const [serving, requesting] = [tracked(), tracked()];
    const server = await storm(serving.group, 'server', 1, 0);
    const clients = await requesting.group.run('netclient', [
      'impatient',
      'ipv4',
      `${server.detail}`,
      '6',
      '50',
    ]);
    clients.send('go');
    const { failed } = JSON.parse(await clients.line()) as { failed: number };
    expect(failed).to.be.above(0);
    expect(countersOf(serving.slot).scalars.tcp_accept_overflows).to.be.at.least(failed);
  });

  it('count connections that a listener older than the probe refuses', async () => {
    const [serving, requesting] = [kernel.sandbox.group(), kernel.sandbox.group()];
    const server = await storm(serving, 'server', 1, 0);
    await withProbes({ probes: ['tcp'], maxContainers: 2 }, async (probes) => {
      const slot = probes.track(serving.id);
      const clients = await requesting.run('netclient', ['impatient', 'ipv4', `${server.detail}`, '6', '50']);
      clients.send('go');
      const { failed } = JSON.parse(await clients.line()) as { failed: number };
      expect(failed).to.be.above(0);
      expect(countersOf(slot, probes).scalars.tcp_accept_overflows).to.be.at.least(failed);
    });
  });

  it('are right with TCP_FASTOPEN, at both ends', async () => {
    const { group, slot } = tracked();
    const program = await group.run('fastopen', ['50']);
    program.send('go');
    const truth = JSON.parse(await program.line()) as { answered: number; seconds: number };
    await sleep(20);
    const counters = countersOf(slot);
    const seen = received(counters);
    const [peer] = counters.peers;
    expect(truth.answered).to.equal(50);
    expect(seen).to.deep.equal({ sent: 50, answered: 50, abandoned: 0, dropped: 0, outstanding: 0 });
    expect(sent(peer!)).to.deep.equal({ sent: 50, answered: 50, abandoned: 0, dropped: 0, outstanding: 0 });
    expect(peer!.histograms.wait.sum).to.be.within(50 * 0.005, truth.seconds);
    expect(counters.histograms.tcp_serve.sum).to.be.within(50 * 0.005 * 0.98, truth.seconds);
  });

  it('move with the process that serves them to another container', async () => {
    const [serving, requesting, next] = [tracked(), tracked(), tracked()];
    const server = await serving.group.run('netserver', ['blocking', 'ipv4']);
    const client = await requesting.group.run('netclient', [
      'blocking',
      'ipv4',
      `${server.detail}`,
      '20',
      '50',
    ]);
    client.send('go');
    await eventually('five are served', () => received(countersOf(serving.slot)).answered >= 5);
    writeFileSync(join(next.group.path, 'cgroup.procs'), String(server.pid));
    await expectLawUntil(client.line(), () => received(countersOf(next.slot)));
    const [before, after] = [received(countersOf(serving.slot)), received(countersOf(next.slot))];
    expectLaw(before);
    expect(before.answered + after.answered).to.equal(20);
    expect(after.answered).to.be.above(5);
    expect(after.outstanding).to.equal(0);
  });

  it('of a container that finds no free peer count for `other`', async () => {
    await withProbes({ probes: ['tcp'], maxContainers: 12 }, async (probes) => {
      const server = await kernel.sandbox.group().run('netserver', ['blocking', 'ipv4']);
      const crowds = [kernel.sandbox.group(), kernel.sandbox.group(), kernel.sandbox.group()];
      for (const group of crowds) {
        probes.track(group.id);
        const crowd = await group.run('netclient', ['crowd', 'ipv4', String(server.detail), '70', '0']);
        crowd.send('go');
        await crowd.line();
      }
      const last = kernel.sandbox.group();
      const slot = probes.track(last.id);
      const client = await last.run('netclient', ['blocking', 'ipv4', String(server.detail), '30', '1']);
      client.send('go');
      await client.line();
      const { peers } = countersOf(slot, probes);
      expect(peers.map(({ peer }) => peer)).to.deep.equal(['other']);
      expect(sent(peers[0]!)).to.include({ sent: 30, answered: 30, outstanding: 0 });
    });
  });

  it('are a poller’s wait from the moment another thread sends them', async () => {
    const { group } = tracked();
    const server = await kernel.sandbox.group().run('server', ['recv', '20']);
    await group.run('client', ['apart', `${server.detail}`, '20']);
    const { states, wall } = await measure(kernel.probes, group, () => sleep(1_500));
    // One thread polls all the time; the other sleeps for as long as a response takes, and waits for it as long.
    expect(states.network / wall).to.be.closeTo(0.5, 0.1);
    expect(states.idle / wall).to.be.closeTo(0.5, 0.1);
  });
});

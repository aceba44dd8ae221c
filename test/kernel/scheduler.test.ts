import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { eventually } from '../eventually.js';
import { STATES, TIME_BOUNDS_SECONDS, openProbes } from '../../native/index.js';
import type { ContainerCounters } from '../../native/index.js';

import {
  blocked,
  countersOf,
  describeStates,
  difference,
  measure,
  measureSlot,
  schedstat,
  total,
} from './harness.js';
import { cgroupRoot } from './mounts.js';
import type { Group, SchedStat, Window } from './harness.js';
import { useKernel } from './suite.js';
import { ThreadTable } from './thread-table.js';

const count = (buckets: Float64Array): number => buckets.reduce((sum, bucket) => sum + bucket, 0);

/** The kernel's account of the processes of a group. */
type Account = Record<'oncpu' | 'runqueue' | 'throttled', number>;

/** A window, and bounds of the kernel's account in it: read inside of the window, and outside of it. */
interface Audit extends Window {
  readonly least: Account;
  readonly most: Account;
}

const minus = (after: Account, before: Account): Account => ({
  oncpu: after.oncpu - before.oncpu,
  runqueue: after.runqueue - before.runqueue,
  throttled: after.throttled - before.throttled,
});

describe('scheduler probe', () => {
  const kernel = useKernel({ maxContainers: 8 });

  /** Measures a group for two seconds. However busy the machine is, the truth lies between `least` and `most`. */
  async function audit(group: Group, pids: readonly number[]): Promise<Audit> {
    const account = (): Account => {
      const stats = pids.map(schedstat);
      const sum = (of: keyof SchedStat): number => stats.reduce((seconds, stat) => seconds + stat[of], 0);
      return { oncpu: sum('oncpu'), runqueue: sum('runqueue'), throttled: group.throttled() };
    };
    let least: Account | undefined;
    const before = account();
    const window = await measure(kernel.probes, group, async () => {
      const inside = account();
      await sleep(2_000);
      least = minus(account(), inside);
    });
    return { ...window, least: least!, most: minus(account(), before) };
  }

  /** Expects seconds within the bounds of the kernel's account, plus or minus a share of the window. */
  function expectAccounted(seconds: number, of: keyof Account, audit: Audit, share: number): void {
    const { states, wall, least, most } = audit;
    const slack = share * wall;
    expect(seconds, describeStates(states)).to.be.within(least[of] - slack, most[of] + slack);
  }

  it('attaches every program to this kernel', () => {
    expect(kernel.probes.programs.filter(({ attached }) => !attached)).to.deep.equal([]);
  });

  it('agrees with schedstat on a CPU burner', async () => {
    const group = kernel.sandbox.group();
    const { pid } = await group.run('burn');
    const window = await audit(group, [pid]);
    const { states, wall } = window;
    expectAccounted(states.oncpu, 'oncpu', window, 0.02);
    expect(total(states), describeStates(states)).to.be.closeTo(wall, 0.01 * wall);
    expect(blocked(states), describeStates(states)).to.be.below(0.005 * wall);
  });

  it('counts two burners on one CPU as waiting for each other', async () => {
    const group = kernel.sandbox.group();
    const pids = [
      await group.run('burn', [], { oneCpu: true }),
      await group.run('burn', [], { oneCpu: true }),
    ].map(({ pid }) => pid);
    const window = await audit(group, pids);
    const { states, wall } = window;
    expect(total(states), describeStates(states)).to.be.closeTo(2 * wall, 0.02 * wall);
    expectAccounted(states.runqueue, 'runqueue', window, 0.04);
    expect(states.runqueue / wall, describeStates(states)).to.be.at.least(0.9);
    expect(blocked(states), describeStates(states)).to.be.below(0.01 * wall);
  });

  it('distinguishes throttling from contention', async () => {
    const cores = 0.2;
    const group = kernel.sandbox.group(cores);
    const { pid } = await group.run('burn', [], { oneCpu: true });
    await eventually('it has been throttled', () => group.throttled() > 0);
    const window = await audit(group, [pid]);
    const { states, wall } = window;
    expectAccounted(states.throttled, 'throttled', window, 0.05);
    // The kernel's run_delay includes throttled time.
    expectAccounted(states.throttled + states.runqueue, 'runqueue', window, 0.05);
    expectAccounted(states.oncpu, 'oncpu', window, 0.05);
    expect(states.oncpu / wall, describeStates(states)).to.be.at.most(cores + 0.05);
    expect(total(states), describeStates(states)).to.be.closeTo(wall, 0.01 * wall);
    expect(blocked(states), describeStates(states)).to.be.below(0.01 * wall);
  });

  it('counts a sleep while it lasts, not when it ends', async () => {
    const group = kernel.sandbox.group();
    await group.run('wait', ['forever']);
    for (let i = 0; i < 4; i++) {
      const { states, wall, after } = await measure(kernel.probes, group, () => sleep(500));
      expect(states.sleep, describeStates(states)).to.be.closeTo(wall, 0.01 * wall);
      expect(count(after.histograms.sleep.buckets)).to.equal(0, 'the sleep has not ended');
    }
  });

  it('counts threads that were blocked before it was loaded', async () => {
    const group = kernel.sandbox.group();
    await group.run('lock', ['condvar']);
    const later = openProbes({ cgroupRoot: cgroupRoot(), probes: ['scheduler'], maxContainers: 8 });
    try {
      const { states, wall } = await measure(later, group, () => sleep(1_000));
      expect(states.idle, describeStates(states)).to.be.closeTo(4 * wall, 0.04 * wall);
    } finally {
      later.close();
    }
  });

  for (const seed of [1, 2, 3]) {
    it(`loses no thread-second of threads with random lifetimes (seed ${seed})`, async function () {
      this.timeout(30_000);
      const seconds = 5;
      const group = kernel.sandbox.group();
      const workload = await group.run('lives', [String(seconds), String(seed)]);
      let lived = 0;
      const { states, wall } = await measure(kernel.probes, group, async () => {
        workload.send('go');
        lived = Number((await workload.line()).slice('lived '.length));
      });
      const truth = wall + lived; // the main thread lives all the time
      expect(total(states) / truth, `${describeStates(states)}; truth ${truth.toFixed(3)}`).to.be.closeTo(
        1,
        0.01,
      );
    });
  }

  it('counts a run whose start it was not shown from that start, while the run lasts', async () => {
    const missed = STATES.indexOf('runqueue');
    const waitedNs = 50_000_000n;
    const group = kernel.sandbox.group();
    const slot = kernel.probes.track(group.id);
    const { pid } = await group.run('burn', [], { oneCpu: true });
    // Real-time, so that the run lasts: a switch would repair the record.
    execFileSync('chrt', ['--fifo', '--pid', '1', String(pid)]);
    const table = new ThreadTable();
    let before: ContainerCounters, after: ContainerCounters;
    let start: bigint, end: bigint;
    await eventually('a run outlasts two reads', () => {
      before = countersOf(kernel.probes, slot);
      const seen = table.read(pid);
      if (seen.state !== STATES.indexOf('oncpu')) return false;
      start = seen.since;
      const since = start - waitedNs;
      table.write(pid, { since, flushed_until: since, state: missed });
      after = countersOf(kernel.probes, slot);
      const left = table.read(pid);
      end = left.flushed_until;
      return left.since === since && left.state === missed;
    });
    const states = difference(after!.stateSeconds, before!.stateSeconds);
    expect(states.runqueue, describeStates(states)).to.be.closeTo(Number(waitedNs) / 1e9, 1e-6);
    expect(states.oncpu, describeStates(states)).to.be.closeTo(Number(end! - start!) / 1e9, 1e-6);

    await kernel.sandbox.stop();
    const ended = countersOf(kernel.probes, slot);
    const observed = ended.histograms.oncpu.sum - before!.histograms.oncpu.sum;
    expect(ended.stateSeconds.oncpu - before!.stateSeconds.oncpu).to.be.closeTo(observed, 1e-6);
  });

  it('follows a process that is moved to another cgroup', async () => {
    const [from, to] = [kernel.sandbox.group(), kernel.sandbox.group()];
    const { pid } = await from.run('wait', ['nanosleep']);
    const slots = [kernel.probes.track(from.id), kernel.probes.track(to.id)];
    writeFileSync(`${to.path}/cgroup.procs`, String(pid));
    const [gone, come] = await Promise.all(
      slots.map((slot) => measureSlot(kernel.probes, slot, () => sleep(1_000))),
    );
    expect(total(gone!.states), describeStates(gone!.states)).to.equal(0);
    expect(total(come!.states) / come!.wall, describeStates(come!.states)).to.be.closeTo(1, 0.01);
  });

  it('bills child cgroups to the container above them', async () => {
    const group = kernel.sandbox.group();
    await kernel.sandbox.child(group).run('wait', ['nanosleep']);
    const { states, wall } = await measure(kernel.probes, group, () => sleep(500));
    expect(total(states) / wall, describeStates(states)).to.be.closeTo(1, 0.01);
    expect(states.sleep, describeStates(states)).to.be.above(0);
  });

  it('reuses slots with their counters at zero', async () => {
    const busy = kernel.sandbox.group();
    await busy.run('burn');
    for (let i = 0; i < 30; i++) {
      await measure(kernel.probes, busy, () => sleep(10));
      kernel.probes.untrack(busy.id);
      const quiet = kernel.sandbox.group();
      const counters = countersOf(kernel.probes, kernel.probes.track(quiet.id));
      expect(total({ ...counters.stateSeconds })).to.equal(0);
      kernel.probes.untrack(quiet.id);
    }
  });

  it('throws SLOTS_FULL when no slot is left, until one is untracked', () => {
    const groups = Array.from({ length: 9 }, () => kernel.sandbox.group());
    for (const group of groups.slice(0, 8)) kernel.probes.track(group.id);
    expect(() => kernel.probes.track(groups[8]!.id))
      .to.throw()
      .with.property('code', 'SLOTS_FULL');
    kernel.probes.untrack(groups[0]!.id);
    expect(kernel.probes.track(groups[8]!.id)).to.be.within(1, 8);
    expect(kernel.probes.track(groups[8]!.id)).to.equal(kernel.probes.track(groups[8]!.id));
  });

  it('samples the user and kernel time of running threads', async () => {
    const group = kernel.sandbox.group();
    await group.run('burn');
    const { before, after, states } = await measure(kernel.probes, group, () => sleep(2_000));
    const user = after.scalars.samples_user - before.scalars.samples_user;
    const inKernel = after.scalars.samples_kernel - before.scalars.samples_kernel;
    expect((user + inKernel) / 99, describeStates(states)).to.be.closeTo(
      states.oncpu,
      0.15 * states.oncpu + 0.05,
    );
    expect(user / (user + inKernel)).to.be.at.least(0.9);
  });

  it('puts no observation into a bucket below its value', async () => {
    const group = kernel.sandbox.group();
    await group.run('wait', ['nanosleep']);
    const slot = kernel.probes.track(group.id);
    const sleepCount = (): number => count(countersOf(kernel.probes, slot).histograms.sleep.buckets);
    const { before, after } = await measure(kernel.probes, group, async () => {
      const target = sleepCount() + 100;
      await eventually('100 sleeps have ended', () => sleepCount() > target, 15_000);
    });
    const sleeps = after.histograms.sleep.buckets.map(
      (bucket, i) => bucket - before.histograms.sleep.buckets[i]!,
    );
    const below = TIME_BOUNDS_SECONDS.findIndex((bound) => bound >= 0.005);
    expect(count(sleeps.subarray(0, below)), 'sleeps of 5 ms below 5 ms').to.equal(0);
    expect(count(sleeps)).to.be.above(100);
  });

  it('counts neither the idle task nor sleeping threads as running', async () => {
    const cpus = readFileSync('/proc/stat', 'utf8').match(/^cpu\d/gm)!.length;
    const { states, wall } = await measureSlot(kernel.probes, 0, () => sleep(1_000));
    expect(states.oncpu).to.be.at.most(cpus * wall * 1.01);
  });
});

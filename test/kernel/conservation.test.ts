import { expect } from 'chai';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { eventually } from '../eventually.js';
import { REASONS } from '../../native/index.js';
import type { ContainerCounters, Histogram } from '../../native/index.js';

import { countersOf, describeStates, measure, total } from './harness.js';
import type { Window, Workload } from './harness.js';
import { useKernel, withProbes } from './suite.js';
import { THREAD_TABLE_SIZE } from './thread-table.js';

const PID_MAX = '/proc/sys/kernel/pid_max';

const count = ({ buckets }: Histogram): number => buckets.reduce((sum, bucket) => sum + bucket, 0);

/** Starts a waiting workload and returns the thread-seconds that its threads lived by its own account. */
async function lives(workload: Workload): Promise<number> {
  workload.send('go');
  return Number((await workload.line()).slice('lived '.length));
}

/** Number of ended intervals of all states. */
function intervals(counters: ContainerCounters): number {
  const ended = [
    counters.histograms.oncpu,
    counters.histograms.runqueue,
    ...REASONS.map((reason) => counters.histograms[reason]),
  ];
  return ended.reduce((sum, histogram) => sum + count(histogram), 0);
}

describe('conservation of thread time', () => {
  const kernel = useKernel({ maxContainers: 8 });

  it('holds for two sets of probes at once, also if CPUs share a shard by atomic additions', async () => {
    const group = kernel.sandbox.group();
    const workload = await group.run('lives', ['3', '7']);
    await withProbes({ shards: 1, maxContainers: 8 }, async (other) => {
      let lived = 0;
      let inner: Window | undefined;
      const outer = await measure(kernel.probes, group, async () => {
        inner = await measure(other, group, async () => {
          lived = await lives(workload);
        });
      });
      for (const { states, wall } of [outer, inner!]) {
        expect(total(states) / (wall + lived), describeStates(states)).to.be.closeTo(1, 0.01);
      }
      const [seen, also] = [outer, inner!].map(({ before, after }) => intervals(after) - intervals(before));
      expect(seen! / also!, `${seen} and ${also} intervals`).to.be.closeTo(1, 0.01);
    });
  });

  it('holds for a process that keeps moving between two containers', async () => {
    const groups = [kernel.sandbox.group(), kernel.sandbox.group()];
    const slots = groups.map(({ id }) => kernel.probes.track(id));
    const workload = await groups[0]!.run('lives', ['3', '5']);
    const sum = (): number =>
      slots.reduce(
        (seconds, slot) => seconds + total({ ...countersOf(kernel.probes, slot).stateSeconds }),
        0,
      );
    let living = true;
    const move = async (): Promise<void> => {
      for (let to = 1; living; to = 1 - to) {
        writeFileSync(`${groups[to]!.path}/cgroup.procs`, String(workload.pid));
        await sleep(20);
      }
    };
    sum();
    const before = sum();
    const start = performance.now();
    const moved = move();
    const lived = await lives(workload);
    const truth = (performance.now() - start) / 1000 + lived;
    const after = sum();
    living = false;
    await moved;
    expect((after - before) / truth, `truth ${truth.toFixed(3)}`).to.be.closeTo(1, 0.01);
    for (const slot of slots) {
      expect(intervals(countersOf(kernel.probes, slot)), 'intervals in both containers').to.be.above(0);
    }
  });

  it('holds for many short processes with one pid, which do not count as one long process', async () => {
    const group = kernel.sandbox.group();
    const workload = await group.run('pids', ['reuse', '20', '0.1']);
    let lived = 0;
    const { states, wall, after } = await measure(kernel.probes, group, async () => {
      lived = await lives(workload);
    });
    const truth = wall + lived;
    expect(total(states) / truth, `${describeStates(states)}; truth ${truth.toFixed(3)}`).to.be.closeTo(
      1,
      0.01,
    );
    expect(after.histograms.sleep.sum, 'sleeps of 10 ms').to.be.at.most(1.1 * lived);
  });

  it('holds for two threads that share a table entry', async () => {
    const pidMax = readFileSync(PID_MAX, 'utf8').trim();
    const group = kernel.sandbox.group();
    try {
      if (Number(pidMax) < 4 * THREAD_TABLE_SIZE) writeFileSync(PID_MAX, String(4 * THREAD_TABLE_SIZE));
      const workload = await group.run('pids', ['collide', String(THREAD_TABLE_SIZE)]);
      const { states, wall } = await measure(kernel.probes, group, () => sleep(1_000));
      expect(total(states) / wall, describeStates(states)).to.be.closeTo(3, 0.03);
      expect(states.idle / wall, describeStates(states)).to.be.closeTo(2, 0.03);
      // The second thread takes over the table entry of the first.
      const after = await measure(kernel.probes, group, async () => {
        workload.send('end');
        await workload.line();
        await sleep(1_000);
      });
      expect(total(after.states) / after.wall, describeStates(after.states)).to.be.closeTo(2, 0.02);
    } finally {
      await kernel.sandbox.stop();
      writeFileSync(PID_MAX, pidMax);
    }
  });

  it('holds when a thread other than the first executes a new program', async () => {
    const group = kernel.sandbox.group();
    const workload = await group.run('pids', ['exec']);
    let [start, executed] = [0, 0];
    const { states, wall, end } = await measure(kernel.probes, group, async () => {
      await sleep(500);
      start = performance.now() / 1000;
      workload.send('go');
      const commandLine = `/proc/${workload.pid}/cmdline`;
      await eventually('it executes', () => readFileSync(commandLine, 'utf8').includes('sleep'));
      executed = performance.now() / 1000;
      await sleep(1_000);
    });
    expect(total(states) / wall, describeStates(states)).to.be.closeTo(1, 0.01);
    expect(states.sleep, describeStates(states)).to.be.within(end - executed - 0.1, end - start + 0.1);
  });

  it('holds to the moment for threads that are moved in the middle of a sleep', async () => {
    const [from, to] = [kernel.sandbox.group(), kernel.sandbox.group()];
    const workload = await from.run('lock', ['condvar']);
    const threads = 4;
    let inner: Window | undefined;
    let moved = 0;
    const outer = await measure(kernel.probes, from, async () => {
      inner = await measure(kernel.probes, to, async () => {
        await sleep(300);
        const start = performance.now();
        writeFileSync(`${to.path}/cgroup.procs`, String(workload.pid));
        moved = (start + performance.now()) / 2000;
        await sleep(1_200);
      });
    });
    expect(total(inner!.states) / threads, describeStates(inner!.states)).to.be.closeTo(
      inner!.end - moved,
      0.02,
    );
    expect(total(outer.states) / threads, describeStates(outer.states)).to.be.closeTo(
      outer.wall - (outer.end - moved),
      0.02,
    );
  });
});

import { expect } from 'chai';
import { mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { kernelMemory } from '../../native/index.js';
import { hashEntries, mapMemory } from './bpf-census.js';
import { blocked, countersOf, describeStates, measureSlot, schedstat, total } from './harness.js';
import { LoopDevice } from './loop-device.js';
import { useKernel, withProbes } from './suite.js';

const MEBIBYTE = 1 << 20;

/** Runs `work` on a cgroup that exists only meanwhile. */
function withCgroup(path: string, work: (id: bigint) => void): void {
  mkdirSync(path);
  try {
    work(statSync(path, { bigint: true }).ino);
  } finally {
    rmdirSync(path);
  }
}

/** Number of CPUs for which the kernel allocates per-CPU data, present or not. */
function possibleCpus(): number {
  const ranges = readFileSync('/sys/devices/system/cpu/possible', 'utf8').trim();
  return Number(ranges.split(/[-,]/).at(-1)) + 1;
}

describe('a bounded set of probes', () => {
  const kernel = useKernel({ maxContainers: 8 });

  it('bills untracked cgroups to slot 0, completely', async () => {
    const group = kernel.sandbox.group();
    const { pid } = await group.run('burn');
    let burnt = 0;
    const { states, wall } = await measureSlot(kernel.probes, 0, async () => {
      const before = schedstat(pid);
      await sleep(1_000);
      burnt = schedstat(pid).oncpu - before.oncpu;
    });
    expect(states.oncpu, describeStates(states)).to.be.at.least(burnt - 0.02 * wall);
    const slot = kernel.probes.track(group.id);
    const elsewhere = await measureSlot(kernel.probes, slot, () => sleep(200));
    expect(total(elsewhere.states) / elsewhere.wall).to.be.closeTo(1, 0.05);
    expect(blocked(elsewhere.states), describeStates(elsewhere.states)).to.be.below(0.1 * elsewhere.wall);
  });

  it('leaves nothing behind of ten thousand terminated containers', async function () {
    this.timeout(60_000);
    const containers = 10_000;
    const { probes, sandbox } = kernel;
    const home = sandbox.group();
    const { pid } = await home.run('disk', ['direct', `${sandbox.scratch}/direct`]);
    const slots = new Set<number>();
    const churn = (from: number, until: number): void => {
      for (let i = from; i < until; i++) {
        const path = join(sandbox.root, `churn${i}`);
        withCgroup(path, (id) => {
          const slot = probes.track(id);
          slots.add(slot);
          if (i % 100 === 0) {
            writeFileSync(join(path, 'cgroup.procs'), String(pid));
            for (let read = 0; read < 100 && countersOf(probes, slot).blockIo.length === 0; read++);
            writeFileSync(join(home.path, 'cgroup.procs'), String(pid));
          }
          probes.untrack(id);
        });
      }
    };
    churn(0, containers / 10);
    probes.read();
    const before = { maps: mapMemory(), rss: process.memoryUsage.rss(), drops: probes.read().drops };
    churn(containers / 10, containers);
    const { containers: left, drops } = probes.read();
    expect(left.map(({ slot }) => slot)).to.deep.equal([0]);
    expect(Math.max(...slots)).to.be.at.most(8);
    expect(hashEntries().slots).to.equal(0);
    // Each container has two or three of the 36 entries.
    expect(drops.blockio_full).to.equal(before.drops.blockio_full);
    expect(mapMemory()).to.equal(before.maps);
    expect(process.memoryUsage.rss() - before.rss).to.be.below(32 * MEBIBYTE);
    const { states, wall } = await measureSlot(probes, probes.track(home.id), () => sleep(300));
    expect(total(states) / wall, describeStates(states)).to.be.closeTo(1, 0.03);
  });

  it('counts as drops the requests beyond the device and operation pairs of a container', async () => {
    await withProbes({ maxContainers: 1, probes: ['blockio'] }, async (probes) => {
      const group = kernel.sandbox.group();
      probes.track(group.id);
      // There is room for eight pairs of device and operation, slot 0's included.
      const devices = Array.from({ length: 3 }, (_, i) => {
        const directory = join(kernel.sandbox.scratch, String(i));
        mkdirSync(directory);
        return LoopDevice.over(directory, 4 * MEBIBYTE);
      });
      try {
        for (const device of devices) {
          const worker = await group.run('block', [device.path]);
          for (const op of ['read', 'write', 'flush', 'discard']) {
            worker.send(`${op} 4096 1`);
            await worker.line();
          }
        }
        const { containers, drops } = probes.read();
        expect(drops.blockio_full).to.be.at.least(4);
        expect(containers.reduce((sum, { blockIo }) => sum + blockIo.length, 0)).to.equal(8);
      } finally {
        await kernel.sandbox.stop();
        for (const device of devices) device.close();
      }
    });
  });

  it('takes as much kernel memory as kernelMemory() computes from the definitions of the maps', async () => {
    const cpus = possibleCpus();
    const accounted = async (maxContainers: number): Promise<number> => {
      const before = mapMemory();
      let bytes = 0;
      await withProbes({ maxContainers }, () => {
        bytes = mapMemory() - before;
        return Promise.resolve();
      });
      return bytes;
    };
    const [few, many] = [await accounted(128), await accounted(1024)];
    expect(many / kernelMemory(cpus, 1024), 'all of it').to.be.closeTo(1, 0.02);
    expect((many - few) / (kernelMemory(cpus, 1024) - kernelMemory(cpus, 128)), 'a container').to.be.closeTo(
      1,
      0.01,
    );
  });

  it('takes at most 9.1 KB of kernel memory per container on 2 CPUs, and 20 KB on 64', () => {
    const perContainer = (cpus: number): number => (kernelMemory(cpus, 1024) - kernelMemory(cpus, 0)) / 1024;
    expect(perContainer(2)).to.be.below(9_100);
    expect(perContainer(64)).to.be.below(20_000);
    expect(perContainer(256)).to.equal(perContainer(64));
  });
});

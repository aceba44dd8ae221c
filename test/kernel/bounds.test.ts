import { expect } from 'chai';
import { mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { kernelMemory, openProbes } from '../../native/index.js';
import type { Probes } from '../../native/index.js';
import { hashEntries, mapMemory } from './bpf-census.js';
import { blocked, cgroupRoot, countersOf, describeStates, measureSlot, schedstat, total } from './harness.js';
import { LoopDevice } from './loop-device.js';
import { useKernel } from './suite.js';

const MEBIBYTE = 1 << 20;

/** Creates and removes a cgroup; what happens to it in between is the caller's. */
function withCgroup(path: string, work: (id: bigint) => void): void {
  mkdirSync(path);
  try {
    work(statSync(path, { bigint: true }).ino);
  } finally {
    rmdirSync(path);
  }
}

/** As the kernel sizes what it keeps per CPU; they need not be there. */
function possibleCpus(): number {
  const ranges = readFileSync('/sys/devices/system/cpu/possible', 'utf8').trim();
  return Number(ranges.split(/[-,]/).at(-1)) + 1;
}

describe('bounds of the probes', () => {
  const kernel = useKernel({ maxContainers: 8 });

  it('bill to slot 0 what no slot is for, and all of it', async () => {
    const group = kernel.sandbox.group();
    const { pid } = await group.run('burn');
    const before = schedstat(pid);
    const { states, wall } = await measureSlot(kernel.probes, 0, () => sleep(1_000));
    const burnt = schedstat(pid).oncpu - before.oncpu;
    expect(states.oncpu, describeStates(states)).to.be.at.least(burnt - 0.02 * wall);
    const slot = kernel.probes.track(group.id);
    const elsewhere = await measureSlot(kernel.probes, slot, () => sleep(200));
    expect(total(elsewhere.states) / elsewhere.wall).to.be.closeTo(1, 0.05);
    expect(blocked(elsewhere.states), describeStates(elsewhere.states)).to.be.below(0.1 * elsewhere.wall);
  });

  it('leave nothing of ten thousand containers that came and went', async function () {
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
    // Each was to have two or three entries of the 36 that there are.
    expect(drops.blockio_full).to.equal(before.drops.blockio_full);
    expect(mapMemory()).to.equal(before.maps);
    expect(process.memoryUsage.rss() - before.rss).to.be.below(32 * MEBIBYTE);
    const { states, wall } = await measureSlot(probes, probes.track(home.id), () => sleep(300));
    expect(total(states) / wall, describeStates(states)).to.be.closeTo(1, 0.03);
  });

  it('count the requests of which a container has too many kinds', async () => {
    await beside({ maxContainers: 1, probes: ['blockio'] }, async (probes) => {
      const group = kernel.sandbox.group();
      probes.track(group.id);
      // Eight device and operation pairs fit beside each other, slot 0's included.
      const devices = Array.from({ length: 3 }, (_, i) => {
        const directory = join(kernel.sandbox.scratch, String(i));
        mkdirSync(directory);
        return LoopDevice.over(directory, 4 * MEBIBYTE);
      });
      try {
        for (const device of devices) {
          const worker = await group.run('block', [device.path]);
          for (const op of ['read', 'write', 'flush', 'discard']) {
            worker.tell(`${op} 4096 1`);
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

  it('take as much kernel memory as is computed from the definitions of the maps', async () => {
    const cpus = possibleCpus();
    const accounted = async (maxContainers: number): Promise<number> => {
      const already = mapMemory();
      let bytes = 0;
      await beside({ maxContainers }, () => {
        bytes = mapMemory() - already;
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

  it('keep a container within 8 KB of kernel memory on 2 CPUs, and 16 KB on 64', () => {
    const perContainer = (cpus: number): number => (kernelMemory(cpus, 1024) - kernelMemory(cpus, 0)) / 1024;
    expect(perContainer(2)).to.be.below(8_000);
    expect(perContainer(64)).to.be.below(16_000);
    expect(perContainer(256)).to.equal(perContainer(64));
  });
});

/** A second set of probes for the length of one test. */
async function beside(
  options: Partial<Parameters<typeof openProbes>[0]>,
  work: (probes: Probes) => Promise<void>,
): Promise<void> {
  const probes = openProbes({ cgroupRoot: cgroupRoot(), ...options });
  try {
    await work(probes);
  } finally {
    probes.close();
  }
}

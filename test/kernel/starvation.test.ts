import { expect } from 'chai';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { countersOf, type Group } from './harness.js';
import { cgroupRoot } from './mounts.js';
import { useKernel } from './suite.js';

/** Seconds in which some thread of the group waited for a CPU, by the kernel's pressure stall information. */
function pressure({ path }: Pick<Group, 'path'>): number {
  const some = /^some .* total=(\d+)$/m.exec(readFileSync(join(path, 'cpu.pressure'), 'utf8'));
  return Number(some![1]) / 1e6;
}

interface Case {
  readonly what: string;
  readonly hogs: number;
  readonly wakers: number;
  readonly oneCpu?: true;
  readonly cores?: number;
}

const CASES: readonly Case[] = [
  { what: 'a burner alone on a CPU', hogs: 1, wakers: 0 },
  { what: 'two burners on one CPU', hogs: 2, wakers: 0, oneCpu: true },
  { what: 'a burner and wakers on one CPU', hogs: 1, wakers: 3, oneCpu: true },
  { what: 'wakers on one CPU', hogs: 0, wakers: 6, oneCpu: true },
  { what: 'wakers', hogs: 0, wakers: 6 },
  { what: 'two burners and wakers', hogs: 2, wakers: 4 },
  { what: 'three burners', hogs: 3, wakers: 0 },
  { what: 'eight burners', hogs: 8, wakers: 0 },
  { what: 'a burner out of quota', hogs: 1, wakers: 0, cores: 0.3 },
  { what: 'burners and wakers out of quota', hogs: 2, wakers: 4, cores: 0.5 },
  { what: 'wakers with a quota', hogs: 0, wakers: 6, cores: 0.5 },
];

const READINGS = 6;
const READ_MS = 400;
/** What the probes forget of waits that began before others ended, and lose when a waiting thread is moved: up to 0.03. */
const TOLERANCE = 0.06;

describe('starved time', () => {
  const kernel = useKernel({ maxContainers: 8 });

  before(function () {
    if (!existsSync(join(cgroupRoot(), 'cpu.pressure'))) this.skip();
    kernel.probes.countStarvation();
  });

  for (const { what, hogs, wakers, oneCpu = false, cores } of CASES) {
    it(`is what the kernel's pressure stall information says: ${what}`, async function () {
      const group = kernel.sandbox.group(cores);
      const slot = kernel.probes.track(group.id);
      await group.run('contend', [String(hogs), String(wakers)], { oneCpu });
      const read = () => ({
        probes: countersOf(kernel.probes, slot).starvedSeconds,
        kernel: pressure(group),
        wall: performance.now() / 1000,
      });
      // The kernel, too, averages over CPUs between two readings: both are read at the same moments.
      const before = read();
      for (let i = 0; i < READINGS; i++) {
        await sleep(READ_MS);
        read();
      }
      const after = read();
      const wall = after.wall - before.wall;
      const share = (after.probes - before.probes) / wall;
      const truth = (after.kernel - before.kernel) / wall;
      expect(share).to.be.closeTo(truth, TOLERANCE);
    });
  }

  it('is the pod’s, whichever of its containers waits', async () => {
    const pod = kernel.sandbox.group();
    const container = kernel.sandbox.child(pod);
    const slot = kernel.probes.track(pod.id);
    const containerId = statSync(join(pod.path, 'child'), { bigint: true }).ino;
    const containerSlot = kernel.probes.track(containerId);
    try {
      await pod.run('burn', [], { oneCpu: true });
      await container.run('burn', [], { oneCpu: true });
      const read = () => ({
        pod: countersOf(kernel.probes, slot).starvedSeconds,
        wall: performance.now() / 1000,
      });
      const before = read();
      await sleep(1500);
      const after = read();
      expect((after.pod - before.pod) / (after.wall - before.wall)).to.be.closeTo(1, TOLERANCE);
      expect(countersOf(kernel.probes, containerSlot).starvedSeconds).to.equal(0);
    } finally {
      kernel.probes.untrack(containerId);
    }
  });

  it('grows while a thread waits, not when its wait ends', async () => {
    const group = kernel.sandbox.group(0.01);
    const slot = kernel.probes.track(group.id);
    await group.run('burn');
    await sleep(300);
    const read = () => countersOf(kernel.probes, slot).starvedSeconds;
    const steps: number[] = [];
    for (let i = 0, last = read(); i < 20; i++) {
      await sleep(50);
      const now = read();
      steps.push(now - last);
      last = now;
    }
    expect(steps.filter((step) => step > 0.02).length, steps.join(' ')).to.be.at.least(15);
  });
});

import { expect } from 'chai';
import { existsSync, readFileSync } from 'node:fs';
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
      await sleep(200);
      const starved = () => countersOf(kernel.probes, slot).starvedSeconds;
      const before = { probes: starved(), psi: pressure(group), wall: performance.now() };
      for (let i = 0; i < 5; i++) {
        await sleep(400);
        starved();
      }
      const after = { probes: starved(), psi: pressure(group), wall: performance.now() };
      const wall = (after.wall - before.wall) / 1000;
      const share = (after.probes - before.probes) / wall;
      const truth = (after.psi - before.psi) / wall;
      console.log(`        ${share.toFixed(3)} psi ${truth.toFixed(3)}`);
      expect(share).to.be.closeTo(truth, 0.05);
    });
  }
});

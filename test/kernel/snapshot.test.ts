import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Snapshot } from '../../native/index.js';
import { total } from './harness.js';
import { useKernel } from './suite.js';

const READS = 200;
/** A burst of the hog lasts 8 ms; a snapshot of this many threads takes less than 1 ms. */
const MOST_SMEAR_SECONDS = 0.004;

describe('snapshot', () => {
  const kernel = useKernel({ probes: ['scheduler'], maxContainers: 8 });

  it('shows all threads at one instant, also if its reader is preempted', async function () {
    this.timeout(60_000);
    const [blocked, switching] = [kernel.sandbox.group(), kernel.sandbox.group()];
    const slots = [blocked, switching].map(({ id }) => kernel.probes.track(id));
    await blocked.run('wait', ['forever']);
    await switching.run('wait', ['nanosleep']);
    await kernel.sandbox.group().run('hog');
    const seconds = (snapshot: Snapshot): number[] =>
      slots.map((slot) => {
        const { stateSeconds } = snapshot.containers.find((container) => container.slot === slot)!;
        return total({ ...stateSeconds });
      });
    kernel.probes.read();
    const [first, others] = seconds(kernel.probes.read()) as [number, number];
    const smears: number[] = [];
    for (let i = 0; i < READS; i++) {
      await sleep(5);
      const [still, moving] = seconds(kernel.probes.read()) as [number, number];
      smears.push(Math.abs(moving - others - (still - first)));
    }
    smears.sort((a, b) => b - a);
    const worst = smears.slice(0, 5).map((smear) => smear.toFixed(4));
    expect(smears[0], `worst of ${READS} reads: ${worst.join(', ')} s`).to.be.below(MOST_SMEAR_SECONDS);
  });
});

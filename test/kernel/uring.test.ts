import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';

import { describeStates, measure, schedstat } from './harness.js';
import type { SchedStat } from './harness.js';
import { useKernel } from './suite.js';

describe('threads that use io_uring', () => {
  const kernel = useKernel({ maxContainers: 8 });

  it("counts the kernel's threads of io_uring from their creation", async () => {
    const group = kernel.sandbox.group();
    let account: SchedStat | undefined;
    const { states } = await measure(kernel.probes, group, async () => {
      const { pid } = await group.run('uring', ['spin', '-']);
      await sleep(1_000);
      account = schedstat(pid);
    });
    const { oncpu, runqueue } = account!;
    expect(oncpu + runqueue, 'the thread looks for requests all the time').to.be.at.least(0.9);
    expect(states.oncpu, describeStates(states)).to.be.at.least(0.95 * oncpu);
    expect(states.oncpu + states.runqueue, describeStates(states)).to.be.at.least(0.95 * (oncpu + runqueue));
  });

  it("counts the waits of the kernel's threads for the disk", async () => {
    const group = kernel.sandbox.group();
    await group.run('uring', ['worker', `${kernel.sandbox.scratch}/worker`]);
    const { states, wall } = await measure(kernel.probes, group, () => sleep(2_000));
    const { oncpu, runqueue, disk } = states;
    // The process waits all the time, and so does the thread that writes for it, but for the moments between two writes.
    expect(disk + runqueue + oncpu, describeStates(states)).to.be.at.least(1.5 * wall);
    expect(disk, describeStates(states)).to.be.at.least(wall);
  });

  it('does not count a wait for connections as one for the disk that a thread beside it uses', async () => {
    const group = kernel.sandbox.group();
    await group.run('uring', ['beside', `${kernel.sandbox.scratch}/beside`]);
    const { states, wall } = await measure(kernel.probes, group, () => sleep(1_000));
    const { oncpu, runqueue, disk } = states;
    expect((disk + oncpu + runqueue) / wall, describeStates(states)).to.be.closeTo(1, 0.02);
  });
});

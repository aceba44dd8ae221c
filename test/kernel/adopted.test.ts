import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';

import { describeStates, measure } from './harness.js';
import { useKernel, withProbes } from './suite.js';

describe('connections older than the probe', () => {
  const kernel = useKernel({ maxContainers: 8 });

  for (const mode of ['recv', 'unqueued'])
    it(`server ${mode} on an ephemeral port is idle, its client waits for a peer`, async () => {
      const [serving, asking] = [kernel.sandbox.group(), kernel.sandbox.group()];
      const fast = await serving.run('server', [mode, '0']);
      const slow = await kernel.sandbox.group().run('server', [mode, '20']);
      await kernel.sandbox.group().run('client', ['recv', String(fast.detail), '20']);
      await asking.run('client', ['recv', String(slow.detail), '0']);
      await withProbes({ probes: ['scheduler'], maxContainers: 8 }, async (probes) => {
        const measureSecond = (group: typeof serving) => measure(probes, group, () => sleep(1_000));
        const [server, client] = await Promise.all([serving, asking].map(measureSecond));
        expect(server!.states.network, describeStates(server!.states)).to.be.below(0.02);
        expect(client!.states.idle, describeStates(client!.states)).to.be.below(0.05);
        expect(client!.states.network, describeStates(client!.states)).to.be.at.least(0.8);
      });
    });
});

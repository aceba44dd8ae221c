import { expect } from 'chai';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Histogram } from '../../native/index.js';
import { measure } from './harness.js';
import { useKernel } from './suite.js';
import type { Window } from './harness.js';

const count = ({ buckets }: Histogram): number => buckets.reduce((sum, bucket) => sum + bucket, 0);

/** Mean and number of the observations that a window added to a histogram. */
function added(after: Histogram, before: Histogram | undefined): { mean: number; count: number } {
  const observations = count(after) - (before === undefined ? 0 : count(before));
  return { count: observations, mean: (after.sum - (before?.sum ?? 0)) / observations };
}

function waits({ before, after }: Window, peer: string): { mean: number; count: number } {
  const find = (counters: Window['before']) => counters.peers.find((entry) => entry.peer === peer);
  const entry = find(after);
  if (entry === undefined)
    throw new Error(`no peer ${peer} among ${after.peers.map((each) => each.peer).join()}`);
  return added(entry.wait, find(before)?.wait);
}

describe('tcp probe', function () {
  // The truth is a server that wakes up in time, which on a busy machine it does not always.
  this.retries(3);

  const kernel = useKernel({ probes: ['scheduler', 'tcp'], maxContainers: 16 });

  for (const think of [0, 100]) {
    it(`measures a 50 ms server from both sides, ${think} ms between requests`, async () => {
      const [serving, asking] = [kernel.sandbox.group(), kernel.sandbox.group()];
      const { detail: port } = await serving.run('server', ['recv', '50']);
      await asking.run('client', ['recv', String(port), String(think)]);
      const client = measure(kernel.probes, asking, () => sleep(2_000));
      const server = await measure(kernel.probes, serving, () => sleep(1_900));
      const wait = waits(await client, `127.0.0.1:${port}`);
      const serve = added(server.after.tcpServe, server.before.tcpServe);
      expect(wait.mean).to.be.within(0.05, 0.053);
      expect(serve.mean).to.be.within(0.05, 0.053);
      expect(serve.count).to.be.closeTo(1.9 / (0.05 + think / 1000), 4);
      expect(server.after.tcpServeOverlapped).to.equal(0);
    });
  }

  for (const gap of [20, 5]) {
    it(`is right within 10 % with a request every ${gap} ms on a 50 ms server, and says that they overlap`, async () => {
      const [serving, asking] = [kernel.sandbox.group(), kernel.sandbox.group()];
      const { detail: port } = await serving.run('server', ['pipelined', '50']);
      await asking.run('client', ['pipelined', String(port), String(gap)]);
      const client = measure(kernel.probes, asking, () => sleep(2_000));
      const server = await measure(kernel.probes, serving, () => sleep(1_900));
      const window = await client;
      expect(waits(window, `127.0.0.1:${port}`).mean).to.be.within(0.045, 0.055);
      expect(added(server.after.tcpServe, server.before.tcpServe).mean).to.be.within(0.045, 0.055);
      expect(window.after.peers[0]!.overlapped).to.be.above(10);
      expect(server.after.tcpServeOverlapped).to.be.above(10);
    });
  }

  it('counts connections and refused ones by peer', async () => {
    const asking = kernel.sandbox.group();
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    kernel.probes.track(asking.id);
    const connected = asking.run('client', ['silent', String(port), '0']);
    await connected;
    await new Promise<void>((resolve) => {
      closed.close(() => {
        resolve();
      });
      void kernel.sandbox.stop();
    });
    await asking.run('client', ['silent', String(port), '0']).catch(() => undefined);
    const window = await measure(kernel.probes, asking, () => sleep(10));
    const peer = window.after.peers.find((entry) => entry.peer === `127.0.0.1:${port}`);
    expect(peer).to.include({ connections: 1, failures: 1 });
  });
});

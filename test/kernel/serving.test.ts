import { expect } from 'chai';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { State } from '../../native/index.js';
import { describeStates, difference, measure, total, type StateSeconds, type Window } from './harness.js';
import { useKernel } from './suite.js';

const CLIENTS = 3;
const THINK_MS = 5;
const WINDOW_MS = 2000;

interface Served extends Window {
  readonly serving: StateSeconds;
  /** From reading a request to sending its response, by the server's own account. */
  readonly truth: number;
  readonly requests: number;
}

describe('the states of threads that serve a request', () => {
  const kernel = useKernel({ maxContainers: 8 });

  /** Has clients send requests to a server, and compares what it does with its own account. */
  async function serve(program: string, ...args: string[]): Promise<Served> {
    const [group, clients] = [kernel.sandbox.group(), kernel.sandbox.group()];
    kernel.probes.track(group.id);
    const server = await group.run(program, args);
    for (let i = 0; i < CLIENTS; i++)
      await clients.run('client', ['recv', String(server.detail), String(THINK_MS)]);
    const account = async () => {
      server.send('report');
      const [, requests, seconds] = (await server.line()).split(' ').map(Number);
      return { requests: requests!, seconds: seconds! };
    };
    await sleep(300);
    let before = { requests: 0, seconds: 0 };
    let after = before;
    const window = await measure(kernel.probes, group, async () => {
      before = await account();
      await sleep(WINDOW_MS);
      after = await account();
    });
    return {
      ...window,
      serving: difference(window.after.servingSeconds, window.before.servingSeconds),
      truth: after.seconds - before.seconds,
      requests: after.requests - before.requests,
    };
  }

  const file = () => join(kernel.sandbox.scratch, 'synced');

  /** Expects the whole time of requests, give or take what lies between two clocks, and most of it in one state. */
  function expectServed({ serving, truth, requests, states }: Served, state: State, share = 0.9): void {
    const text = `${requests} requests, ${truth.toFixed(3)} s; serving ${describeStates(serving)}; all ${describeStates(states)}`;
    console.log(text);
    expect(requests, text).to.be.above(20);
    // A run in which a request is read or answered counts as a whole: some 50 µs beyond the request.
    expect(total(serving), text).to.be.within(0.95 * truth, 1.05 * truth + 100e-6 * requests);
    expect(serving[state] / total(serving), text).to.be.above(share);
    for (const one of Object.keys(serving) as State[])
      expect(serving[one], text).to.be.at.most(states[one] + 1e-6);
  }

  for (const style of ['threads', 'pool', 'epoll']) {
    it(`sleep, beside a thread that syncs a file all day (${style})`, async () => {
      const served = await serve('serve', style, 'sleep', '20', file());
      expectServed(served, 'sleep');
      expect(served.serving.disk).to.equal(0);
      expect(served.states.disk).to.be.above(0.01);
    });
    it(`compute, beside a thread that syncs a file all day (${style})`, async () => {
      const served = await serve('serve', style, 'burn', '5', file());
      expectServed(served, 'oncpu', 0);
      expect(served.serving.disk).to.equal(0);
      expect(served.states.disk).to.be.above(0.01);
    });
    it(`wait for a disk, beside a thread that computes all day (${style})`, async () => {
      const served = await serve('serve', style, 'disk', '0', file());
      expectServed(served, 'disk', 0);
      expect(served.serving.disk / served.states.disk).to.be.above(0.97);
    });
    it(`wait for a lock (${style})`, async () => {
      const served = await serve('serve', style, 'lock', '20', file());
      expectServed(served, 'lock', 0.8);
    });
  }

  /** The least share of requests' time that is followed. Go continues a preempted goroutine on another thread. */
  const RUNTIMES = { node: 0.95, java: 0.95, go: 0.4 };
  for (const [runtime, least] of Object.entries(RUNTIMES)) {
    it(`compute, beside a garbage collector or another thread that computes all day (${runtime})`, async function () {
      this.timeout(30_000);
      if (!existsSync(join(import.meta.dirname, 'build', `waits-${runtime}`))) this.skip();
      const { serving, states, truth, requests, wall } = await serve(`waits-${runtime}`, 'busy', '5');
      const text = `${requests} requests, ${truth.toFixed(3)} s; ${describeStates(serving)}; all ${describeStates(states)}`;
      console.log(text);
      // The program sees a request only after the runtime's own waits, for a pause of the collector.
      expect(total(serving), text).to.be.above(least * truth);
      expect(total(serving) - serving.idle, text).to.be.below(1.05 * truth + 100e-6 * requests);
      expect(states.oncpu - serving.oncpu, text).to.be.above(0.02 * wall);
    });
  }

  it('are not followed where one thread reads requests and others answer them: only runs that end in an answer count', async () => {
    const served = await serve('serve', 'handoff', 'sleep', '20', file());
    console.log(describeStates(served.serving));
    expect(total(served.serving)).to.be.below(0.2 * served.truth);
    expect(served.serving.disk).to.equal(0);
  });
});

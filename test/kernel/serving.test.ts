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
/** Of a run before a request is read and after its response has begun. */
const RUN_SECONDS = 100e-6;

/** Requests, and seconds from reading one to sending its response, by the server's own account. */
interface Account {
  readonly requests: number;
  readonly seconds: number;
}

/** However busy the machine is, the truth lies between the accounts inside of the window and outside of it. */
interface Served extends Window {
  readonly serving: StateSeconds;
  readonly least: Account;
  readonly most: Account;
}

const minus = (after: Account, before: Account): Account => ({
  requests: after.requests - before.requests,
  seconds: after.seconds - before.seconds,
});

function explain({ serving, states, least, most }: Served): string {
  const truth = `${least.seconds.toFixed(3)} to ${most.seconds.toFixed(3)} s, ${least.requests} requests`;
  return `${truth}; serving ${describeStates(serving)}; all ${describeStates(states)}`;
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
    const account = async (): Promise<Account> => {
      server.send('report');
      const [, requests, seconds] = (await server.line()).split(' ').map(Number);
      return { requests: requests!, seconds: seconds! };
    };
    await sleep(300);
    let least: Account | undefined;
    const before = await account();
    const window = await measure(kernel.probes, group, async () => {
      const inside = await account();
      await sleep(WINDOW_MS);
      least = minus(await account(), inside);
    });
    return {
      ...window,
      serving: difference(window.after.servingSeconds, window.before.servingSeconds),
      least: least!,
      most: minus(await account(), before),
    };
  }

  const file = () => join(kernel.sandbox.scratch, 'synced');

  /** Expects the whole time of requests, give or take what lies between two clocks, and most of it in one state. */
  function expectServed(served: Served, state: State, share = 0): void {
    const { serving, states, least, most } = served;
    const text = explain(served);
    expect(least.requests, text).to.be.above(20);
    // A run in which a request is read or answered counts as a whole: some 50 µs beyond the request.
    expect(total(serving), text).to.be.above(0.97 * least.seconds);
    expect(total(serving), text).to.be.below(1.03 * most.seconds + RUN_SECONDS * most.requests);
    expect(serving[state] / total(serving), text).to.be.above(share);
    for (const one of Object.keys(serving) as State[])
      expect(serving[one], text).to.be.at.most(states[one] + 1e-6);
  }

  for (const style of ['threads', 'pool', 'epoll']) {
    it(`sleep, beside a thread that syncs a file all day (${style})`, async () => {
      const served = await serve('serve', style, 'sleep', '20', file());
      expectServed(served, 'sleep', 0.3);
      expect(served.serving.disk).to.equal(0);
      expect(served.states.disk).to.be.above(0.01);
    });
    it(`compute, beside a thread that syncs a file all day (${style})`, async () => {
      const served = await serve('serve', style, 'burn', '5', file());
      expectServed(served, 'oncpu');
      expect(served.serving.disk).to.equal(0);
      expect(served.states.disk).to.be.above(0.01);
    });
    it(`wait for a disk, beside a thread that computes all day (${style})`, async () => {
      const served = await serve('serve', style, 'disk', '0', file());
      expectServed(served, 'disk');
      expect(served.serving.disk / served.states.disk).to.be.above(0.97);
    });
    it(`wait for a lock (${style})`, async () => {
      const served = await serve('serve', style, 'lock', '20', file());
      expectServed(served, 'lock', 0.3);
    });
  }

  /** The least share of requests' time that is followed. Go continues a preempted goroutine on another thread. */
  const RUNTIMES = { node: 0.95, java: 0.95, go: 0.4 };
  for (const [runtime, followed] of Object.entries(RUNTIMES)) {
    it(`compute, beside a garbage collector or another thread that computes all day (${runtime})`, async function () {
      this.timeout(30_000);
      if (!existsSync(join(import.meta.dirname, 'build', `waits-${runtime}`))) this.skip();
      const served = await serve(`waits-${runtime}`, 'busy', '5');
      const { serving, states, least, most, wall } = served;
      const text = explain(served);
      // The program sees a request only after the runtime's own waits, for a pause of the collector.
      expect(total(serving), text).to.be.above(followed * least.seconds);
      expect(total(serving) - serving.idle, text).to.be.below(
        1.05 * most.seconds + RUN_SECONDS * most.requests,
      );
      expect(states.oncpu - serving.oncpu, text).to.be.above(0.02 * wall);
    });
  }

  it('are not followed where one thread reads requests and others answer them: only runs that end in an answer count', async () => {
    const served = await serve('serve', 'handoff', 'sleep', '20', file());
    expect(total(served.serving), explain(served)).to.be.below(0.2 * served.least.seconds);
    expect(served.serving.disk).to.equal(0);
  });
});

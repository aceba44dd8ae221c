import { expect } from 'chai';
import fc from 'fast-check';
import { serve } from '../../../../scaler/simulate/fluid.js';
import { parseProfile, valueAt } from '../../../../scaler/simulate/simulate.js';
import { kernscale, type Ended } from '../kernscale-command.js';

interface Simulation {
  readonly summary: { readonly highest: number; readonly answered: number; readonly reversals: number };
  readonly rounds: readonly { readonly at: number; readonly replicas: number; readonly class: string }[];
}

const FLEET = 'rules/scaling/default.yaml';

function simulate(...flags: string[]): Promise<Ended> {
  return kernscale('simulate', ...flags);
}

async function simulationOf(...flags: string[]): Promise<Simulation> {
  const { status, stdout, stderr } = await simulate('--json', ...flags);
  expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
  return JSON.parse(stdout) as Simulation;
}

describe('the model of a workload', () => {
  const seconds = fc.double({ min: 0, max: 1, noNaN: true });
  const work = fc.record({
    cpu: fc.double({ min: 0.001, max: 1, noNaN: true }),
    lock: seconds,
    disk: seconds,
    wait: seconds,
  });
  const pod = fc.record({
    limit: fc.double({ min: 0.1, max: 8, noNaN: true }),
    threads: fc.integer({ min: 1, max: 64 }),
  });
  const amount = fc.double({ min: 0, max: 1000, noNaN: true });

  it('has every thread in one state, loses no request and exceeds no capacity', () => {
    fc.assert(
      fc.property(
        work,
        pod,
        fc.nat(20),
        amount,
        amount,
        (request, { limit, threads }, pods, load, backlog) => {
          const {
            states,
            served,
            backlog: left,
          } = serve(request, { limit, threads }, pods, load, backlog, 1);
          const near = 1e-6 * (1 + pods * threads + load + backlog);
          expect(Object.values(states).reduce((sum, state) => sum + state)).to.be.closeTo(
            pods * threads,
            near,
          );
          for (const state of Object.values(states)) expect(state).to.be.at.least(-near);
          expect(served + left).to.be.closeTo(load + backlog, near);
          expect(states.oncpu).to.be.at.most(pods * limit + near);
          expect(served * request.disk).to.be.at.most(1 + near);
        },
      ),
    );
  });

  it('shows the resource that a saturated pod waits for', () => {
    const pods = { limit: 1, threads: 4 };
    const request = { cpu: 0.02, lock: 0, disk: 0, wait: 0 };
    expect(serve(request, pods, 2, 150, 0, 1)).to.deep.include({ served: 100, backlog: 50 });
    expect(serve(request, pods, 2, 150, 0, 1).states).to.include({ oncpu: 2, throttled: 6, idle: 0 });
    expect(serve({ ...request, lock: 0.02 }, { ...pods, limit: 4 }, 2, 150, 0, 1).states).to.include({
      oncpu: 2,
      lock: 6,
    });
    expect(serve({ ...request, disk: 0.1 }, pods, 2, 150, 0, 1).states).to.include({ disk: 7.8, oncpu: 0.2 });
    expect(serve(request, pods, 0, 10, 5, 1)).to.deep.include({ served: 0, backlog: 15, latency: undefined });
  });

  it('parses a load in steps', () => {
    const load = parseProfile('20, 100@5m 20.5@15m');
    expect([0, 299, 300, 900, 9e9].map((at) => valueAt(load, at))).to.deep.equal([20, 20, 100, 20.5, 20.5]);
    for (const wrong of ['', 'x', '20@5m', '20 30@5m 40@5m', '-1', '20@']) {
      expect(() => parseProfile(wrong), wrong).to.throw();
    }
  });
});

describe('kernscale simulate', function () {
  this.timeout(60_000);

  it('scales a CPU-bound workload up to its load, and down after the window', async () => {
    const { summary, rounds } = await simulationOf(FLEET);
    // 100 requests of 20 ms are 2 cores; at 70 % of half a core each, six pods.
    expect(summary).to.include({ highest: 6, answered: 1, reversals: 1 });
    expect(rounds.find(({ replicas }) => replicas === 6)?.at).to.be.within(320, 400);
    expect(rounds.findLast(({ replicas }) => replicas === 6)?.at).to.be.at.least(1180);
    expect(rounds.at(-1)?.replicas).to.equal(2);
  });

  it('never scales up a workload that waits for a disk or a peer', async () => {
    const disk = await simulationOf(FLEET, '--disk=30ms');
    expect(disk.summary.highest).to.equal(2);
    expect(disk.rounds.at(-1)?.class).to.equal('disk');
    const waiting = await simulationOf(FLEET, '--cpu=2ms', '--wait=300ms');
    expect(waiting.summary.highest).to.equal(2);
    expect(waiting.rounds.at(-1)?.class).to.equal('dependency');
  });

  it('scales on a custom signal, such as the waiting requests', async () => {
    const worker = 'rules/scaling/examples/queue-worker.yaml';
    const unknown = await simulate(worker);
    expect(unknown.status).to.equal(2);
    expect(unknown.stderr).to.match(/the model has no values for queue; pass --signal .*\[BAD_FLAG\]\n$/);
    const { summary } = await simulationOf(
      worker,
      '--signal=queue=backlog',
      '--load=10 200@1m',
      '--limit=1',
      '--for=20m',
    );
    expect(summary.highest).to.be.at.least(4);
    expect(summary.answered).to.be.above(0.95);
  });

  it('prints a plot and a table, the same each time', async () => {
    const first = await simulate(FLEET);
    expect(first.stdout).to.match(
      /^default\/Deployment\/simulated: rule "labelled-deployments" of group "default"/,
    );
    expect(first.stdout).to.match(/^5\.\d+ min +100 +\d +\d → \d .* CPU demand .* replicas needed/m);
    expect(first.stdout).to.contain('█ decided and ready');
    expect(first.stdout).not.to.contain('\x1b');
    expect((await simulate(FLEET)).stdout).to.equal(first.stdout);
  });

  it('rejects invalid flags in one sentence, with status 2', async () => {
    for (const flags of [
      [],
      [FLEET, '--load=x'],
      [FLEET, '--cpu=fast'],
      [FLEET, '--limit=0'],
      [FLEET, '--for=0s'],
      ['rules/scaling/demo.yaml'],
      [FLEET, '--signal=x=1'],
    ]) {
      const { status, stdout, stderr } = await simulate(...flags);
      expect({ status, stdout }, flags.join(' ')).to.deep.equal({ status: 2, stdout: '' });
      expect(stderr).to.match(/^kernscale: .* \[BAD_FLAG\]\n$/);
    }
  });
});

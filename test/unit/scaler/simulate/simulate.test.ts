import { expect } from 'chai';
import { kernscale, type Ended } from '../kernscale-command.js';

interface Simulation {
  readonly summary: { readonly highest: number; readonly answered: number; readonly reversals: number };
  readonly rounds: readonly {
    readonly at: number;
    readonly load: number;
    readonly ready: number;
    readonly states: Readonly<Record<'oncpu' | 'throttled', number>>;
    readonly served: number;
    readonly backlog: number;
    readonly latency: number;
    readonly replicas: number;
    readonly class: string;
  }[];
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

describe('kernscale simulate', function () {
  this.timeout(60_000);

  it('scales a CPU-bound workload up to its load, and down after the window', async () => {
    const { summary, rounds } = await simulationOf(FLEET);
    // 100 requests of 20 ms are 2 cores; at 70 % of half a core each, six pods.
    expect(summary).to.include({ answered: 1, reversals: 1 });
    expect(rounds.find(({ replicas }) => replicas >= 6)?.at).to.be.within(310, 400);
    expect(rounds.findLast(({ replicas }) => replicas >= 5)?.at).to.be.at.least(1180);
    expect(rounds.at(-1)?.replicas).to.equal(2);
  });

  it('never scales up a workload that waits for a disk or a peer', async () => {
    const disk = await simulationOf(FLEET, '--cpu=2ms', '--disk=30ms', '--load=20 40@5m 20@15m');
    expect(disk.summary.highest).to.equal(2);
    expect(disk.rounds.find(({ at }) => at === 600)?.class).to.equal('disk');
    const waiting = await simulationOf(FLEET, '--cpu=2ms', '--wait=300ms', '--threads=64');
    expect(waiting.summary.highest).to.equal(2);
  });

  it('scales on a custom signal, such as the waiting requests', async () => {
    const worker = 'rules/scaling/examples/queue-worker.yaml';
    const unknown = await simulate(worker);
    expect(unknown.status).to.equal(2);
    expect(unknown.stderr).to.match(
      /the model has no values for queue; pass --signal .*\[BAD_FLAG\]\nsee docs\/errors\.md#bad_flag\n$/,
    );
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

  it('prints a plot and a table, the same each time with the same seed', async () => {
    const first = await simulate(FLEET);
    expect(first.stdout).to.match(
      /^default\/Deployment\/simulated: rule "labelled-deployments" of group "default"/,
    );
    expect(first.stdout).to.match(/^5\.\d+ min +100 +\d +\d → \d .* CPU demand .* replicas needed/m);
    expect(first.stdout).to.contain('█ decided and ready');
    expect(first.stdout).not.to.contain('\x1b');
    expect((await simulate(FLEET)).stdout).to.equal(first.stdout);
    expect((await simulate(FLEET, '--seed=2')).stdout).not.to.equal(first.stdout);
  });

  it('runs pods without a limit, and event loops', async () => {
    const { summary, rounds } = await simulationOf(
      FLEET,
      '--limit=none',
      '--threads=loop',
      '--load=20',
      '--for=5m',
    );
    expect(summary).to.include({ highest: 2 });
    for (const { states } of rounds) expect(states).to.include({ throttled: 0 });
  });

  it('shows what the pods do in each round', async () => {
    const { rounds } = await simulationOf(FLEET, '--load=20', '--for=5m', '--disk=10ms', '--wait=100ms');
    const { at, load, ready, states, served, backlog, latency } = rounds.at(-1)!;
    expect({ at, load, ready, backlog }).to.deep.equal({ at: 300, load: 20, ready: 2, backlog: 0 });
    expect(served).to.be.within(15, 25);
    expect(latency).to.be.within(0.13, 0.16);
    expect(states.oncpu / served).to.be.closeTo(0.02, 0.005);
    expect(Object.values(states).reduce((sum, state) => sum + state)).to.be.closeTo(16, 0.01);
  });

  it('rejects invalid flags in one sentence, with status 2', async () => {
    for (const flags of [
      [],
      [FLEET, '--load=x'],
      [FLEET, '--cpu=fast'],
      [FLEET, '--limit=0'],
      [FLEET, '--threads=some'],
      [FLEET, '--for=0s'],
      ['rules/scaling/demo.yaml'],
      [FLEET, '--signal=x=1'],
    ]) {
      const { status, stdout, stderr } = await simulate(...flags);
      expect({ status, stdout }, flags.join(' ')).to.deep.equal({ status: 2, stdout: '' });
      expect(stderr).to.match(/^kernscale: .* \[BAD_FLAG\]\nsee docs\/errors\.md#bad_flag\n$/);
    }
  });
});

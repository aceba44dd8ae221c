import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import { openProbes, type Probes } from '../../native/index.js';
import { added, accountsOf, only, programNames } from '../bench/probes/accounting.js';
import { startBaseline, type Baseline } from '../bench/probes/baseline.js';
import { Bench } from '../bench/probes/bench.js';
import { fromRoot } from '../../sandbox/paths.js';
import { requireKernel } from './harness.js';

const MILLISECONDS = 400;

describe('the cost of the probes by their own measurement', function () {
  this.timeout('1m');
  const stopping = new AbortController();
  let bench: Bench;
  let probes: Probes;
  let baseline: Baseline;

  before(async function () {
    requireKernel(() => this.skip());
    execFileSync('make', ['-s', '-C', fromRoot('test/bench/probes'), 'build/loads', 'build/baseline']);
    bench = new Bench(stopping.signal);
    probes = openProbes({ cgroupRoot: bench.root, maxContainers: 4 });
    baseline = await startBaseline(bench);
  });

  after(async () => {
    stopping.abort();
    probes.close();
    await bench.dispose();
  });

  it("agrees with the kernel's accounting, net of the cost of accounting", async () => {
    const names = programNames();
    const switches = () => only(accountsOf('self'), (id) => names.get(id) === 'sched_switch');
    const load = () =>
      bench.run({ kind: 'ring', members: 2, cgroups: 'pair', milliseconds: MILLISECONDS + 200 });
    const before = switches();
    const { result, empty } = await baseline.during('nothing_switch', async () => {
      const loaded = load();
      await bench.pause(100);
      const measured = await probes.measure(MILLISECONDS);
      await loaded;
      return measured;
    });
    const kernel = added(before, switches());
    const theirs = kernel.nanoseconds / kernel.runs - empty.nanoseconds / empty.runs;
    const { runs, seconds } = result.programs.find(({ program }) => program === 'sched_switch')!;
    const ours = (seconds / runs) * 1e9;
    expect(result.seconds).to.be.at.least(MILLISECONDS / 1000 - 0.001);
    expect(runs, 'runs, a part of those that the kernel counted in a longer time').to.be.within(
      kernel.runs / 10,
      kernel.runs,
    );
    // Reading the clock takes as long as the program itself, so the two agree only roughly.
    expect(ours / theirs, `${ours} ns, by the kernel ${theirs} ns`).to.be.within(0.3, 3);
  });

  it('is measured only during measure()', async () => {
    const idle = await probes.measure(0);
    const busy = await Promise.all([
      probes.measure(300),
      bench.run({ kind: 'ring', members: 2, cgroups: 'pair', milliseconds: 200 }),
    ]).then(([costs]) => costs);
    const runs = (costs: typeof idle) =>
      costs.programs.find(({ program }) => program === 'sched_switch')!.runs;
    expect(runs(idle)).to.be.below(runs(busy));
  });
});

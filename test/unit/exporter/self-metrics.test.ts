import { expect } from 'chai';
import { addBurst } from '../../../exporter/self-metrics.js';

const cost = (program: string, runs: number, seconds: number) => ({ program, runs, seconds });

describe('the estimated cost of the probes', () => {
  it('counts a burst for all the time since the one before', () => {
    const first = addBurst([], { seconds: 0.05, programs: [cost('a', 10, 1e-6)] }, 0.05);
    expect(first).to.deep.equal([cost('a', 10, 1e-6)]);
    const second = addBurst(first, { seconds: 0.05, programs: [cost('a', 2, 3e-7)] }, 5);
    expect(second[0]!.runs).to.be.closeTo(10 + 200, 1e-9);
    expect(second[0]!.seconds).to.be.closeTo(1e-6 + 3e-5, 1e-12);
  });

  it('never decreases, though a run may seem shorter than reading the clock', () => {
    const before = [cost('a', 10, 1e-6)];
    const [after] = addBurst(before, { seconds: 0.05, programs: [cost('a', 1, -4e-9)] }, 5);
    expect(after!.seconds).to.equal(1e-6);
  });
});

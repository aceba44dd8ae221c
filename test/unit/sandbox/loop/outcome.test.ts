import { expect } from 'chai';
import { outcomes, STEP } from '../../../../sandbox/loop/outcome.js';
import type { Observation } from '../../../../sandbox/loop/scenarios.js';

const BEGAN = 1_700_000_000;
const TIMES = { began: BEGAN, peakFrom: 60 };

/** The same rate at every look of two minutes, but at these seconds. */
function answered(rate: number, ...[slow, from, to]: [slow?: number, from?: number, to?: number]) {
  return Array.from({ length: 60 }, (_, index) => {
    const second = index * STEP;
    const isSlow = from !== undefined && to !== undefined && second >= from && second < to;
    return { at: BEGAN + second, rate: isSlow ? slow! : rate };
  });
}

function replicasOf(workload: string, ...steps: readonly (readonly [second: number, replicas: number])[]) {
  return steps.map(([second, replicas]): Observation => ({
    workload,
    second,
    replicas,
    decision: undefined,
  }));
}

describe('outcomes', () => {
  const loads = new Map([['cpu', { rate: 40, peak: 100 }]]);
  const bad = (looks: ReturnType<typeof answered>) =>
    outcomes(TIMES, loads, [], new Map([['cpu', looks]]))[0]!.badSeconds;

  it('count the seconds in which under 95 % of what is asked is answered in time', () => {
    expect(bad(answered(100))).to.equal(0);
    expect(bad(answered(100, 94, 80, 90))).to.equal(10);
    expect(bad(answered(100, 96, 80, 90))).to.equal(0);
    expect(bad(answered(100, 37, 20, 30))).to.equal(10);
  });

  it('leave out the start and the beginning of the peak', () => {
    expect(bad(answered(100, 0, 0, 9))).to.equal(0);
    expect(bad(answered(100, 0, 60, 69))).to.equal(0);
  });

  it('sum up the replicas over time', () => {
    const seen = [
      ...replicasOf('cpu', [0, 1], [10, 2], [30, 2], [31, 4]),
      ...replicasOf('disk', [0, 9], [31, 9]),
    ];
    const [cpu] = outcomes(TIMES, loads, seen, new Map([['cpu', []]]));
    expect(cpu).to.deep.equal({ workload: 'cpu', badSeconds: 0, replicaSeconds: 1 * 10 + 2 * 20 + 2 * 1 });
  });

  it('are an error without answers', () => {
    expect(() => outcomes(TIMES, loads, [], new Map()))
      .to.throw('Prometheus has no answers')
      .with.property('code', 'NO_DATA');
  });
});

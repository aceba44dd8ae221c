import { expect } from 'chai';
import { score, type Score } from './score.js';

const LENGTH = 600;
const SURGE = 100;

/** Steps of a value: `[from second, value]`. */
function series(...steps: [number, number][]): number[] {
  return Array.from({ length: LENGTH }, (_, at) => steps.findLast(([from]) => from <= at)?.[1] ?? 0);
}

function scoreOf(ordered: number[], need: number[], { bad = series(), may = 0 } = {}): Score {
  return score({ services: new Map([['shop', { ordered, need, may }]]), bad, from: 10 });
}

describe('score', () => {
  const need = series([0, 2], [SURGE, 8.6]);

  it('counts from the start of the scored time on', () => {
    const got = scoreOf(series([0, 2]), series([0, 2]), { bad: series([0, 1], [20, 0]) });
    expect(got).to.deep.equal({
      badSeconds: 10,
      replicaSeconds: 2 * (LENGTH - 10),
      wrongTarget: 0,
      rightSizeSeconds: 0,
      overshoot: 1,
      reversals: 0,
    });
  });

  const rows: { what: string; ordered: number[]; expected: Partial<Score> }[] = [
    {
      what: 'the right size at once',
      ordered: series([0, 2], [130, 9]),
      expected: { rightSizeSeconds: 30, overshoot: 1, wrongTarget: 0, reversals: 0 },
    },
    {
      what: 'one pod over the need is no overshoot',
      ordered: series([0, 2], [130, 10]),
      expected: { overshoot: 1, wrongTarget: 0 },
    },
    {
      what: 'within the tolerance is enough',
      ordered: series([0, 2], [130, 8]),
      expected: { rightSizeSeconds: 30 },
    },
    {
      what: 'in steps',
      ordered: series([0, 2], [130, 5], [160, 9]),
      expected: { rightSizeSeconds: 60, reversals: 0 },
    },
    {
      what: 'far too much, and back',
      ordered: series([0, 2], [130, 18], [500, 9]),
      expected: { overshoot: 2, wrongTarget: 1, reversals: 1 },
    },
    {
      what: 'a shrink of what is needed',
      ordered: series([0, 2], [130, 9], [300, 6], [400, 9]),
      expected: { wrongTarget: 1, rightSizeSeconds: 100, reversals: 2 },
    },
    {
      what: 'growth of what needs no more',
      ordered: series([0, 2], [50, 5], [130, 9]),
      expected: { wrongTarget: 1, reversals: 0 },
    },
    { what: 'never', ordered: series([0, 2]), expected: { rightSizeSeconds: LENGTH - SURGE } },
  ];
  for (const { what, ordered, expected } of rows) {
    it(what, () => {
      expect(scoreOf(ordered, need)).to.include(expected);
    });
  }

  it('allows what another reason than CPU calls for', () => {
    const got = scoreOf(series([0, 2], [130, 6]), series([0, 2]), { may: 6 });
    expect(got).to.include({ wrongTarget: 0, overshoot: 1, rightSizeSeconds: 0 });
  });

  it('does not call it a reversal to follow the need down', () => {
    const peak = series([0, 2], [SURGE, 8.6], [250, 2]);
    const got = scoreOf(series([0, 2], [130, 9], [450, 2]), peak);
    expect(got).to.include({ reversals: 0, wrongTarget: 0 });
  });
});

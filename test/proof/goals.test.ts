import { expect } from 'chai';
import { goalsOf, isLost, type GraphRow } from './goals.js';
import type { Row } from './score.js';

function row(controller: string, badSeconds: number, replicaSeconds: number, wrongTarget = 0): Row {
  const rest = { rightSizeSeconds: 0, overshoot: 1, reversals: 0 };
  return { scenario: 'surge', controller, badSeconds, replicaSeconds, wrongTarget, ...rest };
}

function graph(fields: Partial<GraphRow>): GraphRow {
  const counts = {
    verdicts: 0,
    right: 0,
    wrongTarget: 0,
    workloads: 0,
    shrunk: 0,
    rounds: 0,
    harmedRounds: 0,
  };
  return { scenario: 'graph', fault: 'cpu', ...counts, ...fields };
}

function passed(rows: Row[], graphs: GraphRow[] = []): boolean[] {
  return goalsOf(rows, graphs).map((goal) => goal.passed);
}

describe('goals', () => {
  it('are kept', () => {
    expect(passed([row('kernscale', 100, 1000), row('hpa', 300, 1000)])).to.deep.equal([
      true,
      true,
      true,
      true,
    ]);
  });

  it('are missed by too many bad seconds, replicas and wrong targets', () => {
    expect(passed([row('kernscale', 120, 1001, 1), row('hpa', 300, 1000)])).to.deep.equal([
      false,
      false,
      false,
      true,
    ]);
  });

  it('tell what pods can heal from what they cannot', () => {
    const rows = [row('kernscale', 400, 1000), row('hpa', 500, 1000), row('need', 360, 900)];
    expect(passed(rows)).to.deep.equal([true, false, true, true, true]);
  });

  it('hold each scenario against the best rival that spends no more', () => {
    const rows = [row('kernscale', 120, 1000), row('requests', 100, 1000), row('latency', 0, 5000)];
    expect(isLost(rows, rows[0]!)).to.equal(false);
    expect(isLost([...rows, row('concurrency', 90, 900)], rows[0]!)).to.equal(true);
  });

  it('count the graphs whose bottleneck most verdicts name, of those that were felt', () => {
    const felt = Array.from({ length: 19 }, () => graph({ bottleneck: 's1', verdicts: 10, right: 9 }));
    const wrong = graph({ bottleneck: 's1', verdicts: 10, right: 5 });
    const unfelt = graph({ bottleneck: 's1' });
    expect(passed([], [...felt, wrong, unfelt])).to.deep.equal([true, true]);
    expect(passed([], [...felt, wrong, wrong])).to.deep.equal([true, false]);
  });

  it('count the healthy workloads that shrink and the rounds that are called harmed', () => {
    const healthy = { workloads: 100, shrunk: 99, rounds: 1000, harmedRounds: 5 };
    expect(passed([], [graph(healthy)])).to.deep.equal([true, true, true]);
    expect(passed([], [graph({ ...healthy, shrunk: 98, harmedRounds: 6 })])).to.deep.equal([
      true,
      false,
      false,
    ]);
  });
});

import { expect } from 'chai';
import { compare, compareReport } from '../../../../scaler/backtest/compare.js';
import { starvedSeconds } from '../../../../scaler/backtest/starved.js';
import { Timeline } from '../../../../scaler/backtest/timeline.js';
import type { Grid } from '../../../../scaler/promql/range.js';

const WEB = 'shop/Deployment/web';
const GRID: Grid = { from: 1_700_000_000, step: 60, count: 60 };

/** @param rows steps, actual and proposed replicas */
function timeline(...rows: [steps: number, actual: number, proposed: number][]): Timeline {
  const made = new Timeline(WEB, 'shop', 'web', 1, 10, GRID.count);
  let index = 0;
  let before: number | undefined;
  for (const [steps, actual, proposed] of rows) {
    const at = GRID.from + index * GRID.step;
    if (before !== undefined && before !== proposed) {
      made.changes.push({ at, from: before, to: proposed, class: 'cpu', reason: `because of ${proposed}` });
    }
    before = proposed;
    for (const end = index + steps; index < end; index++) {
      made.actual[index] = actual;
      made.proposed[index] = proposed;
      made.setClass(index, 'none');
    }
  }
  return made;
}

const plain = (_format: unknown, text: string): string => text;

describe('a comparison with the autoscaler of the time', () => {
  it('tells how long the actual replicas were below and above, and why', () => {
    const found = compare(timeline([10, 2, 2], [20, 2, 5], [30, 5, 3]), GRID, new Map([[WEB, 12.4]]));
    expect(found).to.include({
      belowSeconds: 1200,
      aboveSeconds: 1800,
      comparedSeconds: 3600,
      starvedPodSeconds: 12.4,
    });
    expect(found.periods.map(({ actual, proposed, reason }) => [actual, proposed, reason])).to.deep.equal([
      [2, 5, 'because of 5'],
      [5, 3, 'because of 3'],
    ]);
    expect(found.actual.replicaHours).to.equal((30 * 2 + 30 * 5) / 60);
    expect(found.proposed.replicaHours).to.equal((10 * 2 + 20 * 5 + 30 * 3) / 60);
  });

  it('has a reason where the rule has not moved, and says what is not measured', () => {
    const found = compare(timeline([30, 2, 2], [30, 4, 2]), GRID, new Map());
    expect(found.periods[0]?.reason).to.equal('2 replicas were there at the start, and are enough');
    const text = compareReport([found], GRID, plain).join('\n');
    expect(text)
      .to.match(/starved of CPU: actual not measured/)
      .and.not.to.match(/^All:/m);
  });

  it('says where there are no data', () => {
    const found = compare(new Timeline(WEB, 'shop', 'web', 1, 10, GRID.count), GRID, new Map());
    expect(compareReport([found], GRID, plain).join('\n')).to.match(/no data in this time range/);
  });

  it('sums up starvation over windows that cover the range once', async () => {
    const asked: [string, Grid][] = [];
    const series = [
      {
        labels: { namespace: 'shop', workload: 'web', workload_kind: 'Deployment' },
        values: Float64Array.of(5, 7, 9),
        present: Uint8Array.of(1, 0, 1),
      },
    ];
    const range = (expr: string, grid: Grid) => {
      asked.push([expr, grid]);
      return Promise.resolve({ ok: true, series } as const);
    };
    const grid = { from: 0, step: 15, count: 1 + (3 * 3600 - 900) / 15 };
    expect([...(await starvedSeconds(range, grid, 'cluster="eu"'))]).to.deep.equal([[WEB, 14]]);
    const [[expr, windows]] = asked as [[string, Grid]];
    expect(expr).to.contain('[3300s]').and.to.contain('cluster="eu"');
    expect(windows).to.deep.equal({ from: 3300, step: 3300, count: 3 });
  });
});

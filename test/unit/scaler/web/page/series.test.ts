import { expect } from 'chai';
import { POINT, STATES } from '../../../../../scaler/web/row.js';
import { chartsOf, type Figure } from '../../../../../scaler/web/page/series.js';

const point = (figures: Partial<Record<(typeof POINT)[number], number>>): Figure[] =>
  POINT.map((field) => figures[field] ?? null);

describe('the charts of a workload', () => {
  it('leave out what is not known', () => {
    const { charts } = chartsOf([point({ at: 100, replicas: 2, wanted: 2 })]);
    expect(charts.map(({ title }) => title)).to.deep.equal(['Replicas']);
  });

  it('mark the points at which replicas changed', () => {
    const points = [2, 2, 5, 4].map((replicas, index) => point({ at: 100 + index, replicas }));
    const { times, changes } = chartsOf(points);
    expect(times).to.deep.equal([100, 101, 102, 103]);
    expect(changes).to.deep.equal([102, 103]);
  });

  it('stack the states, the sums from the top down, with a gap where they are not known', () => {
    const none = Object.fromEntries(STATES.map((state) => [state, 0]));
    const shares = { ...none, oncpu: 0.5, disk: 0.25, other: 0.25 };
    const { charts } = chartsOf([point({ at: 1, ...shares }), point({ at: 2 })]);
    const [states] = charts;
    expect(states!.series.map(({ color, values, drawn }) => [color, values, drawn])).to.deep.equal([
      ['other', [25, null], [100, null]],
      ['disk', [25, null], [75, null]],
      ['oncpu', [50, null], [50, null]],
    ]);
  });

  it('write latency in milliseconds', () => {
    const [latency] = chartsOf([point({ at: 1, latency: 0.2, usual: 0.05 })]).charts;
    expect(latency!.series.map(({ values }) => values[0])).to.deep.equal([200, 50]);
  });
});

import { expect } from 'chai';
import { WorkloadHistory } from '../../../../scaler/web/history.js';
import { POINT } from '../../../../scaler/web/row.js';

const START = 1_796_000_000;

describe('the history of a workload', () => {
  const figures = (at: number, replicas: number): number[] => [
    at,
    replicas,
    replicas,
    ...Array.from({ length: POINT.length - 3 }, () => NaN),
  ];

  function historyOf(seconds: number, workloads: number, replicas: (at: number) => number = () => 2) {
    const history = new WorkloadHistory();
    for (let at = 0; at <= seconds; at += 15) history.add(figures(START + at, replicas(at)), workloads);
    return history.points();
  }

  it('has a point a minute of the last hour, and the newest', () => {
    const points = historyOf(2 * 3600, 1);
    expect(points.length).to.be.within(59, 64);
    expect(points.at(-1)![0]).to.equal(START + 7200);
    expect(points[0]![0]).to.be.within(START + 3600, START + 3720);
  });

  it('has the moment of every change of replicas', () => {
    const points = historyOf(600, 1, (at) => (at < 315 ? 2 : 5));
    expect(points.map(([at, replicas]) => `${at! - START}: ${replicas}`)).to.include.members(['315: 5']);
  });

  it('has fewer points where many workloads share the memory', () => {
    expect(historyOf(2 * 3600, 10_000).length).to.be.at.most(16);
  });

  it('writes what is not known as null', () => {
    expect(historyOf(0, 1)[0]!.slice(0, 4)).to.deep.equal([START, 2, 2, null]);
  });
});

import { expect } from 'chai';
import { concurrency } from './concurrency.js';
import { hpa, hpaOnPsi } from './hpa.js';
import { latency } from './latency.js';
import { requests } from './requests.js';
import { evenView, podView, replay, viewOf } from './views.js';

const RANGE = { minReplicas: 1, maxReplicas: 100 };
const NOW = 1200;

describe('HPA on CPU', () => {
  const cases: { what: string; usage: number; replicas: number; expected: number }[] = [
    { what: 'stays at the target', usage: 0.35, replicas: 4, expected: 4 },
    { what: 'stays within the tolerance', usage: 0.38, replicas: 4, expected: 4 },
    { what: 'grows in proportion', usage: 0.5, replicas: 4, expected: 6 },
    { what: 'at most doubles', usage: 2, replicas: 8, expected: 16 },
    { what: 'adds up to four pods to a few', usage: 2, replicas: 1, expected: 5 },
  ];
  for (const { what, usage, replicas, expected } of cases) {
    it(what, () => {
      expect(replay(hpa(RANGE), [evenView(NOW, replicas, { usage })])).to.deep.equal([expected]);
    });
  }

  it('shrinks after 300 s only', () => {
    const views = [0, 150, 285, 300, 315].map((after) => evenView(NOW + after, 4, { usage: 0.1 }));
    expect(replay(hpa(RANGE), views)).to.deep.equal([4, 4, 4, 2, 2]);
  });

  it('counts pods that are not ready as idle when it grows', () => {
    const busy = { usage: 0.5 };
    const starting = { usage: 0.5, startedAt: NOW - 40, ready: false };
    const pods = [podView('a', NOW, busy), podView('b', NOW, busy), podView('c', NOW, starting)];
    expect(replay(hpa(RANGE), [viewOf(NOW, pods)])).to.deep.equal([3]);
  });

  it('holds while metrics-server has nothing', () => {
    expect(replay(hpa(RANGE), [evenView(NOW, 4, {})])).to.deep.equal([4]);
  });
});

describe('HPA on PSI', () => {
  const rows: { starved: number; expected: number }[] = [
    { starved: 0.3, expected: 4 },
    { starved: 0.6, expected: 8 },
    { starved: 0.9, expected: 8 },
    { starved: 0.01, expected: 4 },
  ];
  for (const { starved, expected } of rows) {
    it(`goes from 4 to ${expected} where pods wait for CPU for ${starved} of the time`, () => {
      expect(replay(hpaOnPsi(RANGE), [evenView(NOW, 4, { starved })])).to.deep.equal([expected]);
    });
  }
});

describe('requests per pod', () => {
  const rows: { arriving: number; expected: number }[] = [
    { arriving: 7, expected: 4 },
    { arriving: 12, expected: 7 },
    { arriving: 100, expected: 8 },
  ];
  for (const { arriving, expected } of rows) {
    it(`goes from 4 to ${expected} at ${arriving} for a target of 7`, () => {
      const views = [evenView(NOW, 4, { requests: arriving })];
      expect(replay(requests(RANGE, 7), views)).to.deep.equal([expected]);
    });
  }
});

describe('concurrency', () => {
  const rival = concurrency(RANGE, 10);

  it('keeps 70 % of what a container may have in flight', () => {
    expect(replay(rival, [evenView(NOW, 4, { concurrency: 10 })])).to.deep.equal([6]);
  });

  it('panics at twice the capacity, and does not shrink until a minute after', () => {
    const calm = (after: number) => evenView(NOW + after, 12, { concurrency: 0 });
    const views = [evenView(NOW, 4, { concurrency: 20 }), calm(30), calm(60), calm(62)];
    expect(replay(rival, views)).to.deep.equal([12, 12, 12, 6]);
  });

  it('at most halves', () => {
    expect(replay(rival, [evenView(NOW, 9, {})])).to.deep.equal([4]);
  });
});

describe('latency', () => {
  const slow = (mean: number, p99: number) => ({ mean, p99, answered: 100 });

  it('grows the workload that misses its objective, whatever the reason', () => {
    expect(replay(latency(RANGE, 0.1), [evenView(NOW, 4, {}, slow(0.05, 0.15))])).to.deep.equal([6]);
  });

  it('learns what is usual first, and grows beyond twice that', () => {
    const usual = [0, 100, 200].map((after) => evenView(NOW + after, 4, {}, slow(0.02, 0.9)));
    const later = evenView(NOW + 400, 4, {}, slow(0.06, 0.9));
    expect(replay(latency(RANGE), [...usual, later])).to.deep.equal([4, 4, 4, 6]);
  });

  it('holds without answers', () => {
    expect(replay(latency(RANGE, 0.1), [evenView(NOW, 4, {})])).to.deep.equal([4]);
  });
});

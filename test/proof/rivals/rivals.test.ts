import { expect } from 'chai';
import { concurrency } from './concurrency.js';
import { hpa, hpaOnPsi } from './hpa.js';
import { latency } from './latency.js';
import { podMetrics } from './metrics-server.js';
import { requests } from './requests.js';
import { evenView, podView, replay, type Rates } from './views.js';

const RANGE = { minReplicas: 1, maxReplicas: 100 };
const NOW = 1200;

describe('metrics-server', () => {
  it('serves a rate that is 10 to 25 s old, over 10 or 20 s', () => {
    const rows = [
      { now: 1200, timestamp: 1200, window: 20 },
      { now: 1214, timestamp: 1200, window: 20 },
      { now: 1215, timestamp: 1210, window: 10 },
      { now: 1229, timestamp: 1210, window: 10 },
    ];
    for (const { now, ...expected } of rows) {
      const metrics = podMetrics(podView('a', now, { rates: { cpu: 0.25 } }), now);
      expect(metrics, `at ${now}`).to.deep.include(expected);
      expect(metrics!.cores).to.be.closeTo(0.25, 1e-9);
    }
  });

  it('has nothing for a pod that was read once, unless it is fresh', () => {
    const young = (startedAt: number) =>
      podMetrics(podView('a', NOW, { rates: { cpu: 0.2 }, startedAt }), NOW);
    expect(young(1195)).to.equal(undefined);
    expect(young(1188)).to.include({ window: 12 });
  });
});

describe('HPA on CPU', () => {
  const cases: { what: string; cpu: number; replicas: number; expected: number }[] = [
    { what: 'stays at the target', cpu: 0.35, replicas: 4, expected: 4 },
    { what: 'stays within the tolerance', cpu: 0.38, replicas: 4, expected: 4 },
    { what: 'grows in proportion', cpu: 0.5, replicas: 4, expected: 6 },
    { what: 'at most doubles', cpu: 2, replicas: 8, expected: 16 },
    { what: 'adds up to four pods to a few', cpu: 2, replicas: 1, expected: 5 },
  ];
  for (const { what, cpu, replicas, expected } of cases) {
    it(what, () => {
      expect(replay(hpa(RANGE), [evenView(NOW, replicas, { rates: { cpu } })])).to.deep.equal([expected]);
    });
  }

  it('shrinks after 300 s only', () => {
    const times = [0, 150, 285, 300, 315].map((after) => evenView(NOW + after, 4, { rates: { cpu: 0.1 } }));
    expect(replay(hpa(RANGE), times)).to.deep.equal([4, 4, 4, 2, 2]);
  });

  it('counts pods that are not ready as idle when it grows', () => {
    const busy = { rates: { cpu: 0.5 } };
    const starting = { rates: { cpu: 0.5 }, startedAt: NOW - 40, ready: false };
    const pods = [podView('a', NOW, busy), podView('b', NOW, busy), podView('c', NOW, starting)];
    expect(replay(hpa(RANGE), [{ now: NOW, replicas: 3, pods }])).to.deep.equal([3]);
  });

  it('sees a surge only once metrics-server has read it', () => {
    const surge = { rates: { cpu: 0.5 }, before: { rates: { cpu: 0.35 }, from: NOW } };
    const after = [5, 20, 35].map((seconds) => evenView(NOW + seconds, 4, surge));
    expect(replay(hpa(RANGE), after)).to.deep.equal([4, 6, 6]);
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
      expect(replay(hpaOnPsi(RANGE), [evenView(NOW, 4, { rates: { starved } })])).to.deep.equal([expected]);
    });
  }
});

describe('requests per pod', () => {
  const perPod = 7;
  const rows: { arrived: number; expected: number }[] = [
    { arrived: 7, expected: 4 },
    { arrived: 12, expected: 7 },
    { arrived: 100, expected: 8 },
  ];
  for (const { arrived, expected } of rows) {
    it(`goes from 4 to ${expected} at ${arrived} a pod`, () => {
      const views = [evenView(NOW, 4, { rates: { arrived } })];
      expect(replay(requests(RANGE, perPod), views)).to.deep.equal([expected]);
    });
  }

  it('holds where no pod has two scrapes', () => {
    const views = [evenView(NOW, 4, { rates: { arrived: 100 }, startedAt: NOW - 10 })];
    expect(replay(requests(RANGE, perPod), views)).to.deep.equal([4]);
  });
});

describe('concurrency', () => {
  const rival = concurrency(RANGE, 10);

  it('keeps 70 % of what a container may have in flight, over a minute', () => {
    const views = [evenView(NOW, 4, { rates: { outstanding: 10 } })];
    expect(replay(rival, views)).to.deep.equal([6]);
  });

  it('panics over 6 s at twice the capacity, and does not shrink while it panics', () => {
    const shape = { rates: { outstanding: 30 }, before: { rates: { outstanding: 7 }, from: NOW } };
    const calm = (now: number) => evenView(now, 18, { rates: { outstanding: 0 } });
    const views = [evenView(NOW + 2, 4, shape), evenView(NOW + 6, 4, shape), calm(NOW + 60), calm(NOW + 68)];
    expect(replay(rival, views)).to.deep.equal([9, 18, 18, 9]);
  });

  it('at most halves', () => {
    expect(replay(rival, [evenView(NOW, 9, { rates: {} })])).to.deep.equal([4]);
  });
});

describe('latency', () => {
  const slow = (seconds: number): Rates => ({ answered: 10, served: 10 * seconds });

  it('grows the workload that misses its objective, whatever the reason', () => {
    const views = [evenView(NOW, 4, { rates: slow(0.15) })];
    expect(replay(latency(RANGE, 0.1), views)).to.deep.equal([6]);
  });

  it('learns what is usual first, and grows beyond twice that', () => {
    const usual = [0, 100, 200].map((after) => evenView(NOW + after, 4, { rates: slow(0.02) }));
    const later = evenView(NOW + 400, 4, { rates: slow(0.06) });
    expect(replay(latency(RANGE), [...usual, later])).to.deep.equal([4, 4, 4, 6]);
  });

  it('holds without answers', () => {
    const views = [evenView(NOW, 4, { rates: { arrived: 10, outstanding: 50 } })];
    expect(replay(latency(RANGE, 0.1), views)).to.deep.equal([4]);
  });
});

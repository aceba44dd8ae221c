import { expect } from 'chai';
import { isAbsent } from '../../../../scaler/core/reading.js';
import type { Measures } from '../../../../scaler/core/measures.js';
import { tabulate, type SignalResult } from '../../../../scaler/loop/signals.js';
import { windowsOf, type WindowTable } from '../../../../scaler/loop/windows.js';
import type { QueryResult } from '../../../../scaler/promql/response.js';
import type { WindowPart } from '../../../../scaler/promql/windows.js';

const NOW = 1_700_000_000;
const CART = 'shop/Deployment/cart';
const cart = { namespace: 'shop', workload: 'cart', workload_kind: 'Deployment' };

type Row = [labels: string, value: number];
type Results = Partial<Record<WindowPart, Row[] | QueryResult>>;

/** A result whose rows are `measure`, `measure state` or `measure ip:port`. */
function resultOf(rows: Row[] | QueryResult): QueryResult {
  if (!Array.isArray(rows)) return rows;
  const samples = rows.map(([text, value]) => {
    const [measure = '', of = ''] = text.split(' ');
    const by = of && { [of.includes(':') ? 'peer' : 'state']: of };
    return { labels: { ...cart, measure, ...(by || {}) }, value, timestamp: NOW };
  });
  return { ok: true, samples };
}

function table(results: Results, scrapedAt: number | undefined): WindowTable {
  const ages = scrapedAt === undefined ? [] : [{ labels: cart, value: scrapedAt, timestamp: NOW }];
  const parts = new Map<WindowPart, SignalResult>();
  for (const part of ['threads', 'requests', 'calls'] as const) {
    parts.set(part, {
      result: resultOf(results[part] ?? []),
      freshness: [{ ok: true, samples: ages }],
    });
  }
  return { seconds: 30, maxAge: 45, parts: tabulate(parts, NOW) };
}

function windowsFrom(results: Results, scrapedAt: number | undefined = NOW - 7) {
  const recent = table(results, scrapedAt);
  const resolve = (peer: string) =>
    peer === '10.0.0.1:80'
      ? { workloads: [{ namespace: 'shop', kind: 'Deployment', name: 'db' }] }
      : undefined;
  return windowsOf({ recent, settled: { ...recent, seconds: 60 }, now: NOW }, CART, resolve);
}

/** The recent window. */
function recentFrom(results: Results, scrapedAt?: number) {
  const windows = windowsFrom(results, scrapedAt);
  if (!windows) throw new Error('not measured');
  return windows.recent;
}

function measured(results: Results): Measures {
  const recent = recentFrom(results);
  if (isAbsent(recent)) throw new Error(recent.text);
  return recent;
}

const THREADS: Row[] = [
  ['states oncpu', 0.5],
  ['states idle', 9],
  ['serving oncpu', 0.4],
  ['pods', 2],
  ['starved', 0.1],
];
const REQUESTS: Row[] = [
  ['arrived', 30],
  ['answered', 20],
];

describe('windowsOf', () => {
  it('reads every measure of both windows, with zeros where a query leaves them out', () => {
    const windows = windowsFrom({
      threads: THREADS,
      requests: [...REQUESTS, ['thoughts', 3], ['thought', 9], ['inVain', 1]],
      calls: [
        ['sent 10.0.0.1:80', 4],
        ['refused 10.0.0.1:80', 1],
        ['ended 10.0.0.1:80', 2],
      ],
    });
    const expected: Measures = {
      window: 30,
      timestamp: NOW - 7,
      pods: 2,
      states: { oncpu: 0.5, idle: 9 },
      serving: { oncpu: 0.4 },
      starved: 0.1,
      requests: {
        ...{ arrived: 30, answered: 20, abandoned: 0, dropped: 0, inVain: 1, retried: 0 },
        ...{ outstanding: 0, served: 0, thought: { requests: 3, seconds: 9 } },
      },
      calls: [
        {
          peer: '10.0.0.1:80',
          to: { type: 'workload', workload: 'shop/Deployment/db' },
          ...{ sent: 4, answered: 0, waited: 0, outstanding: 0, abandoned: 0, failed: 3 },
        },
      ],
    };
    expect(windows).to.deep.equal({ recent: expected, settled: { ...expected, window: 60 } });
  });

  it('tells the pods whose threads cannot be seen, and lets the others stand for them', () => {
    const marked = { ...cart, measure: 'opaque', pod: 'cart-1', reason: 'no_btf' };
    const others = resultOf(THREADS);
    if (!others.ok) throw new Error('no samples');
    const threads: QueryResult = {
      ok: true,
      samples: [...others.samples, { labels: marked, value: 2, timestamp: NOW }],
    };
    const { opaque, states, requests } = measured({ threads, requests: REQUESTS });
    expect(opaque).to.deep.equal([{ pod: 'cart-1', reason: 'no_btf' }]);
    expect(states).to.deep.equal({ oncpu: 0.5, idle: 18 });
    expect(requests).to.include({ arrived: 60, answered: 40 });
  });

  it('are undefined for a workload that an exporter of the first release measures', () => {
    const first: Results = {
      threads: [
        ['states oncpu', 1],
        ['pods', 1],
      ],
      requests: [['answered', 5]],
      calls: [
        ['waited 10.0.0.1:80', 1],
        ['refused 10.0.0.1:80', 1],
      ],
    };
    expect(windowsFrom(first)).to.equal(undefined);
    expect(windowsFrom({ ...first, calls: [['sent 10.0.0.1:80', 1]] })).not.to.equal(undefined);
  });

  it('leave requests undefined only where none are counted', () => {
    expect(measured({ threads: THREADS }).requests).to.equal(undefined);
    expect(measured({ threads: THREADS, requests: [['arrived', 0]] }).requests).to.include({ arrived: 0 });
  });

  const failure: QueryResult = { ok: false, failure: 'http', message: 'HTTP 503' };
  const partial: QueryResult = { ok: false, failure: 'partial', message: 'a store is down' };
  const absences: [what: string, results: Results, absent: string, scrapedAt?: number | undefined][] = [
    ['failed states', { threads: failure, requests: REQUESTS }, 'error'],
    ['failed requests', { threads: THREADS, requests: failure }, 'error'],
    ['failed calls', { threads: THREADS, requests: REQUESTS, calls: failure }, 'error'],
    ['a partial answer', { threads: partial, requests: REQUESTS }, 'partial'],
    ['old data', { threads: THREADS, requests: REQUESTS }, 'stale', NOW - 46],
    ['data from the future', { threads: THREADS, requests: REQUESTS }, 'stale', NOW + 60],
    ['missing states', { requests: REQUESTS }, 'missing'],
    ['requests without a rate yet', { threads: THREADS, requests: [['arrived', NaN]] }, 'missing'],
    ['a state of NaN', { threads: [...THREADS, ['states disk', NaN]], requests: REQUESTS }, 'nan'],
    ['infinite requests', { threads: THREADS, requests: [...REQUESTS, ['served', Infinity]] }, 'nan'],
    ['negative requests', { threads: THREADS, requests: [['arrived', -1]] }, 'nan'],
  ];
  for (const [what, results, absent, scrapedAt] of absences) {
    it(`are absent with ${what}, never zero`, () => {
      expect(recentFrom(results, scrapedAt)).to.include({ absent });
    });
  }

  it('are absent once scrapes have stopped', () => {
    const stopped = table({ threads: THREADS }, undefined);
    const windows = windowsOf({ recent: stopped, settled: stopped, now: NOW }, CART, undefined);
    expect(windows?.settled).to.include({ absent: 'stale' });
  });

  it('lack only what is not a quantity', () => {
    const { serving, starved, calls } = measured({
      threads: [
        ['states oncpu', 1],
        ['serving oncpu', NaN],
        ['starved', -1],
      ],
      requests: REQUESTS,
      calls: [
        ['sent 10.0.0.1:80', 4],
        ['waited 10.0.0.1:80', Infinity],
        ['sent 10.0.0.2:80', 5],
      ],
    });
    expect({ serving, starved }).to.deep.equal({ serving: undefined, starved: undefined });
    expect(calls.map(({ peer, sent }) => [peer, sent])).to.deep.equal([['10.0.0.2:80', 5]]);
  });

  it('count time in states that decisions do not tell apart as other', () => {
    const threads: Row[] = [...THREADS, ['states reclaim', 1], ['states other', 2]];
    expect(measured({ threads }).states).to.include({ other: 3 });
  });
});

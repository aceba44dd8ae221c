import { expect } from 'chai';
import type { Endpoint } from '../../../../scaler/kubernetes/topology.js';
import { freshnessQueries } from '../../../../scaler/promql/freshness.js';
import { samplesByWorkload } from '../../../../scaler/loop/round-input.js';
import { querySignals, tabulate, type SignalTables } from '../../../../scaler/loop/signals.js';
import type { QueryResult, VectorSample } from '../../../../scaler/promql/response.js';

const NOW = 1_700_000_000;
const CART = 'shop/Deployment/cart';
const cart = { namespace: 'shop', workload: 'cart', workload_kind: 'Deployment' };
const HEARTBEAT = freshnessQueries('kernscale_oncpu_seconds_sum')[0]!;

function vector(...samples: [labels: Record<string, string>, value: number][]): QueryResult {
  const toSample = ([labels, value]: (typeof samples)[number]): VectorSample => ({
    labels,
    value,
    timestamp: NOW,
  });
  return { ok: true, samples: samples.map(toSample) };
}

const fresh = vector([cart, NOW - 7]);

function tables(signals: Record<string, [QueryResult, ...QueryResult[]]>): SignalTables {
  const entries = Object.entries(signals).map(
    ([name, [result, ...freshness]]) => [name, { result, freshness }] as const,
  );
  return tabulate(new Map(entries), NOW);
}

function assembled(
  signals: Record<string, [QueryResult, ...QueryResult[]]>,
  resolve?: (peer: string) => Endpoint | undefined,
) {
  const replicas = (): number => 3;
  return samplesByWorkload({ signals: tables(signals), resolve, replicas }, [CART]).get(CART)!;
}

describe('samplesByWorkload', () => {
  it('gives a value the timestamp of its scrape, not that of the query', () => {
    expect(assembled({ cpu: [vector([cart, 0.5]), fresh] })).to.deep.include({
      replicas: 3,
      signals: { cpu: { value: 0.5, timestamp: NOW - 7 } },
    });
  });

  it('uses the oldest of several sources, and a source without workload labels for every workload', () => {
    const { signals } = assembled({
      queue: [vector([cart, 9]), fresh, vector([{ job: 'rabbit' }, NOW - 30])],
    });
    expect(signals['queue']).to.deep.equal({ value: 9, timestamp: NOW - 30 });
  });

  const absences: [what: string, results: [QueryResult, ...QueryResult[]], absent: string][] = [
    ['no series for the workload', [vector(), fresh], 'missing'],
    [
      'two series per container',
      [vector([cart, 1]), vector([cart, NOW - 7], [{ ...cart, measure: 'repeated' }, 2])],
      'error',
    ],
    ['a value without a scrape behind it', [vector([cart, 0.5]), vector()], 'stale'],
    ['two series for one workload', [vector([cart, 1], [{ ...cart, pod: 'a' }, 2]), fresh], 'error'],
    ['warnings', [{ ok: false, failure: 'partial', message: 'w' }, fresh], 'partial'],
    ['no Prometheus', [{ ok: false, failure: 'unreachable', message: 'refused' }, fresh], 'error'],
    ['no age', [vector([cart, 1]), { ok: false, failure: 'timeout', message: 't' }], 'error'],
  ];
  for (const [what, results, absent] of absences) {
    it(`treats ${what} as ${absent}, never as zero`, () => {
      expect(assembled({ cpu: results }).signals['cpu']).to.include({ absent });
    });
  }

  it('names the labels that a result lacks to belong to a workload', () => {
    const unnamed = vector([{ job: 'rabbit' }, 9], [{ namespace: 'shop', workload: 'cart' }, 3]);
    expect(assembled({ queue: [unnamed, fresh] }).signals['queue']).to.deep.equal({
      absent: 'missing',
      text: 'no series; 2 returned without namespace, workload or workload_kind',
    });
  });

  it('names honor_labels where a result has the workload in another namespace only', () => {
    const renamed = vector([{ ...cart, namespace: 'monitoring', exported_namespace: 'shop' }, 9]);
    expect(assembled({ cpu: [renamed, fresh] }).signals['cpu']).to.deep.equal({
      absent: 'missing',
      text: "no series, but some in namespace monitoring; if that is the exporter's, its scrape job needs honor_labels: true",
    });
  });

  it('includes workloads that only a result names, and ignores series that name none', () => {
    const other = { ...cart, workload: 'db' };
    const signals = tables({ cpu: [vector([other, 1], [{ job: 'x' }, 5]), vector()] });
    const all = samplesByWorkload({ signals, resolve: undefined, replicas: () => undefined }, [CART]);
    expect([...all.keys()]).to.deep.equal([CART, 'shop/Deployment/db']);
  });

  describe('edges', () => {
    const workload = (name: string) => ({ namespace: 'shop', kind: 'Deployment', name });
    const services: Record<string, Endpoint> = {
      '10.96.0.1:80': { service: 'shop/db', workloads: [workload('db')] },
      '10.96.0.2:80': { service: 'shop/two', workloads: [workload('a'), workload('b')] },
      '10.96.0.3:80': { service: 'shop/none', workloads: [] },
    };
    const typeOf = (peer: string, resolve: ((peer: string) => Endpoint | undefined) | undefined) => {
      const { edges } = assembled({ edges: [vector([{ ...cart, peer }, 0.5]), fresh] }, resolve);
      if ('absent' in edges) throw new Error(edges.text);
      return edges[0]?.to;
    };
    const known = (peer: string): Endpoint | undefined => services[peer];

    it('resolve an address to its workload', () => {
      expect(typeOf('10.96.0.1:80', known)).to.deep.equal({
        type: 'workload',
        workload: 'shop/Deployment/db',
      });
    });

    it('are unresolved, with the reason, if an address has no single workload', () => {
      expect(typeOf('10.96.0.2:80', known)).to.have.property(
        'text',
        'is Service shop/two, which has pods of several workloads',
      );
      expect(typeOf('10.96.0.3:80', known)).to.have.property(
        'text',
        'is Service shop/none, which has no pods',
      );
      expect(typeOf('other', known)).to.have.property('type', 'unresolved');
    });

    it('are external only when the cluster is known', () => {
      expect(typeOf('8.8.8.8:443', known)).to.deep.equal({ type: 'external' });
      expect(typeOf('8.8.8.8:443', undefined)).to.have.property('type', 'unresolved');
    });

    it('are empty for a workload that is scraped and waits on no peer', () => {
      expect(assembled({ edges: [vector(), fresh] }).edges).to.deep.equal([]);
    });

    it('are absent without data', () => {
      expect(assembled({ edges: [vector(), vector()] }).edges).to.include({ absent: 'stale' });
      expect(assembled({ edges: [{ ok: false, failure: 'http', message: '502' }] }).edges).to.include({
        absent: 'error',
      });
      expect(assembled({}).edges).to.include({ absent: 'missing' });
    });
  });
});

describe('an expression of several sources', () => {
  /** Reads a signal that has a value, while the sources named in it have data or not. */
  async function readingOf(expr: string, ...down: string[]) {
    const query = (queried: string): Promise<QueryResult> => {
      const isAge = queried.includes('timestamp(');
      const isDown = down.some((source) => queried.includes(`(${source})`));
      const age = isDown ? vector() : vector([{ job: 'rabbit' }, NOW - 7]);
      return Promise.resolve(isAge ? age : vector([cart, 1]));
    };
    const part = { threads: { expr: 'x' }, requests: { expr: 'x' }, calls: { expr: 'x' } };
    const window = { seconds: 60, maxAge: 45, parts: part };
    const group = {
      signals: { queue: { expr } },
      podSignals: {},
      windows: { recent: window, settled: window },
    };
    const { signals } = await querySignals(query, group, NOW);
    const observations = { signals: tabulate(signals, NOW), resolve: undefined, replicas: () => 3 };
    return samplesByWorkload(observations, [CART]).get(CART)!.signals['queue'];
  }

  const whole = { value: 1, timestamp: NOW - 7 };

  it('has no value while one of them is down, whatever stands in its place', async () => {
    for (const expr of [
      '(sum(qa) or vector(0)) + (sum(qb) or vector(0))',
      '(sum(qb) or on () vector(0)) + (sum(qa) or absent(qa) * 0)',
      'max(qb) + on () group_left () (vector(0) or qa)',
    ]) {
      expect(await readingOf(expr), expr).to.deep.equal(whole);
      expect(await readingOf(expr, 'qa'), expr).to.deep.equal({
        absent: 'missing',
        text: 'its part qa has no data, so its value is not whole',
      });
    }
  });

  it('needs one of several alternatives, and nothing that it only takes away', async () => {
    for (const expr of ['qa or qb', 'qb unless qa', 'sum(qb) or sum(qa) * 0', 'qb * 2 or (qa - 1)']) {
      expect(await readingOf(expr, 'qa'), expr).to.deep.equal(whole);
    }
    expect(await readingOf('(qa or qb) + qc', 'qa', 'qb')).to.deep.include({ absent: 'missing' });
  });
});

describe('freshnessQueries', () => {
  it('returns one query for all metrics of the exporter, whatever their matchers and ranges', () => {
    const expr =
      'sum by (workload) (rate(kernscale_tcp_wait_seconds_sum[1m] offset 5m) / kernscale:demand{a="b"})';
    expect(freshnessQueries(expr)).to.deep.equal([HEARTBEAT]);
  });

  it('returns one query for each metric of another exporter', () => {
    expect(freshnessQueries('queue{q="a"} / on () avg_over_time(workers[5m])')).to.deep.equal([
      'max by (namespace, workload, workload_kind) (timestamp(queue{q="a"}))',
      'max by (namespace, workload, workload_kind) (timestamp(workers))',
    ]);
  });

  it('returns no query for a constant', () => {
    expect(freshnessQueries('vector(1)')).to.deep.equal([]);
  });
});

describe('querySignals', () => {
  it('evaluates every distinct expression once, all at one time', async () => {
    const queries: [string, number][] = [];
    const query = (expr: string, time: number): Promise<QueryResult> => {
      queries.push([expr, time]);
      return Promise.resolve(vector());
    };
    const exprs = (names: Record<string, string>) =>
      Object.fromEntries(Object.entries(names).map(([name, expr]) => [name, { expr }]));
    const parts = { threads: { expr: 'kernscale_c' }, requests: { expr: 'kernscale_b' } };
    const window = { seconds: 10, maxAge: 45, parts: { ...parts, calls: { expr: 'kernscale_c' } } };
    const group = {
      signals: exprs({ cpu: 'kernscale_a', blockio: 'kernscale_b', wait: 'kernscale_a' }),
      podSignals: exprs({ cpu: 'kernscale_b' }),
      windows: { recent: window, settled: window },
    };
    const { signals, podSignals, windows } = await querySignals(query, group, NOW);
    expect(queries).to.have.deep.members([
      ['kernscale_a', NOW],
      ['kernscale_b', NOW],
      ['kernscale_c', NOW],
      [HEARTBEAT, NOW],
    ]);
    expect([...signals.keys()]).to.deep.equal(['cpu', 'blockio', 'wait']);
    expect([...podSignals.keys()]).to.deep.equal(['cpu']);
    expect([...windows.recent.keys()]).to.deep.equal(['threads', 'requests', 'calls']);
  });
});

import { expect } from 'chai';
import { querySignals, tabulate } from '../../../../scaler/loop/signals.js';
import { toldSignals } from '../../../../scaler/loop/told.js';
import type { QueryResult } from '../../../../scaler/promql/response.js';
import { parseRules } from '../../../../scaler/rules/load.js';

const NOW = 1_700_000_000;
const CART = 'shop/Deployment/cart';
const LABELS = { namespace: 'shop', workload: 'cart', workload_kind: 'Deployment' };

function groupOf(signals = '{}', rule = '', window = '1m') {
  const text = `groups:
  - name: shop
    window: ${window}
    signals: ${signals}
    rules:
      - {scale: all, match: {kind: Deployment}, maxReplicas: 20${rule}}
`;
  return parseRules('rules.yaml', text).groups[0]!;
}

describe('the queries of a round', () => {
  async function queriesOf(group: ReturnType<typeof groupOf>): Promise<string[]> {
    const sent: string[] = [];
    const query = (expr: string): Promise<QueryResult> => {
      sent.push(expr);
      return Promise.resolve({ ok: true, samples: [] });
    };
    await querySignals(query, group, NOW);
    return sent;
  }

  const cases: [what: string, group: ReturnType<typeof groupOf>, queries: number][] = [
    ['10 with every built-in signal', groupOf(), 10],
    ['10 where one only gets another age', groupOf('{blockio: {maxAge: 2m}}'), 10],
    ['one more for a latency', groupOf('{}', ', objective: {latency: 50ms}'), 11],
    ['one more for a built-in signal of their own', groupOf('{wait: {expr: kernscale_wait}}'), 11],
    ['two more for a signal of others', groupOf('{queue: {expr: rabbit}}'), 12],
    ['8 where both windows are the same', groupOf('{}', '', '10s'), 8],
    [
      '10 with requests to size by, too',
      groupOf(
        '{}',
        ', targets: [{}, {signal: requests, averageValue: 5}, {signal: concurrency, averageValue: 2}]',
      ),
      10,
    ],
    ['none by pod with a CPU of their own', groupOf('{cpu: {expr: kernscale_cpu}}'), 9],
  ];
  for (const [what, group, queries] of cases) {
    it(`are ${what}`, async () => {
      expect(await queriesOf(group)).to.have.length(queries);
    });
  }

  it('ask for no calls, and for no state but CPU time, in the recent window', () => {
    const { threads, requests, ...more } = groupOf().windows.recent.parts;
    expect(more).to.deep.equal({});
    const states = (threads.expr + requests.expr).match(/(?<=state[!=~]+")[^"]*/g);
    expect(new Set(states)).to.deep.equal(new Set(['oncpu']));
  });
});

describe('signals that the settled window tells', () => {
  type Row = [measure: string, labels: Readonly<Record<string, string>>, value: number];

  function told(threads: Row[] | QueryResult, calls: Row[] = [], requests: Row[] = [], group = groupOf()) {
    const result = (rows: Row[] | QueryResult): QueryResult => {
      if (!Array.isArray(rows)) return rows;
      const samples = rows.map(([measure, own, value]) => ({
        labels: { ...LABELS, measure, ...own },
        value,
        timestamp: NOW,
      }));
      return { ok: true, samples };
    };
    const parts = new Map(
      Object.entries({ threads, calls, requests }).map(([part, rows]) => [
        part as 'threads' | 'calls' | 'requests',
        { result: result(rows), freshness: [] },
      ]),
    );
    return toldSignals(group.signals, tabulate(parts, NOW));
  }

  const state = (name: string, value: number, measure = 'states'): Row => [measure, { state: name }, value];
  const values = (tables: ReturnType<typeof told>) =>
    Object.fromEntries([...tables].map(([name, table]) => [name, table.samples(CART)]));

  it('are the CPU used, shares of the busy time, pods and waits by peer', () => {
    const threads: Row[] = [
      ...[state('oncpu', 1), state('disk', 2), state('network', 4), state('lock', 0), state('ipc', 1)],
      ...[state('sleep', 9), state('idle', 9), state('oncpu', 7, 'serving'), state('disk', 7, 'serving')],
      ['pods', {}, 3],
      ['starved', {}, 0.5],
    ];
    const calls: Row[] = [
      ['sent', { peer: '10.0.0.1:80' }, 5],
      ['waited', { peer: '10.0.0.1:80' }, 0.5],
      ['waited', { peer: '10.0.0.2:80' }, 0],
    ];
    const found = values(told(threads, calls));
    expect(found).to.deep.equal({
      cpu: [{ peer: '', value: 1 }],
      blockio: [{ peer: '', value: 0.25 }],
      wait: [{ peer: '', value: 0.5 }],
      lock: [{ peer: '', value: 0 }],
      pods: [{ peer: '', measure: 'pods', value: 3 }],
      edges: [
        { peer: '10.0.0.1:80', measure: 'waited', value: 0.5 },
        { peer: '10.0.0.2:80', measure: 'waited', value: 0 },
      ],
    });
  });

  describe('by the requests', () => {
    const by = groupOf(
      '{}',
      ', targets: [{signal: requests, averageValue: 5}, {signal: concurrency, averageValue: 2}]',
    );
    const valuesOf = (requests: Row[], threads: Row[] = []) => {
      const { requests: rate, concurrency } = values(told(threads, [], requests, by));
      return [rate, concurrency].map((rows) => rows!.map(({ value }) => value));
    };

    it('are those that arrive and those outstanding', () => {
      expect(
        valuesOf([
          ['arrived', {}, 60],
          ['outstanding', {}, 7],
          ['answered', {}, 50],
        ]),
      ).to.deep.equal([[60], [7]]);
    });

    it('are none outstanding where they are counted, and unknown where they are not', () => {
      expect(valuesOf([['arrived', {}, 0]])).to.deep.equal([[0], [0]]);
      expect(valuesOf([['arrived', {}, NaN]])).to.deep.equal([[NaN], []]);
      expect(valuesOf([])).to.deep.equal([[], []]);
    });

    it('are those of all pods, where some cannot be seen into', () => {
      const threads: Row[] = [
        ['pods', {}, 4],
        ['opaque', { pod: 'a', reason: 'no_btf' }, 1],
      ];
      expect(
        valuesOf(
          [
            ['arrived', {}, 60],
            ['outstanding', {}, 6],
          ],
          threads,
        ),
      ).to.deep.equal([[80], [8]]);
    });
  });

  it('have no value where a state is not measured, and none that is not a number', () => {
    const { blockio, wait, lock, cpu } = values(
      told([state('oncpu', 0.001), state('network', 0.005), state('lock', NaN)]),
    );
    expect(blockio).to.deep.equal([]);
    expect([...wait!, ...lock!].map(({ value }) => value)).to.deep.equal([NaN, NaN]);
    expect(cpu).to.deep.equal([{ peer: '', value: 0.001 }]);
    // Less than the least busy time fades to a measured zero.
    expect(values(told([state('oncpu', 0), state('network', 0.005)]))['wait']![0]!.value).to.equal(0.5);
  });

  it('are absent with the query that tells them', () => {
    const tables = told({ ok: false, failure: 'http', message: 'HTTP 503' });
    for (const [name, { absent }] of tables) {
      expect(absent?.absent, name).to.equal(name === 'edges' ? undefined : 'error');
    }
  });
});

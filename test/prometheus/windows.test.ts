import { expect } from 'chai';
import { restoreUsual } from '../../scaler/backtest/restore.js';
import type { WorkloadKey } from '../../scaler/core/types.js';
import { isAbsent } from '../../scaler/core/reading.js';
import type { Measures, Windows } from '../../scaler/core/measures.js';
import { querySignals } from '../../scaler/loop/signals.js';
import { toldSignals } from '../../scaler/loop/told.js';
import { windowsOf, windowTables } from '../../scaler/loop/windows.js';
import { PrometheusClient } from '../../scaler/promql/client.js';
import { keyOfLabels } from '../../scaler/promql/freshness.js';
import { resolveGroup } from '../../scaler/rules/defaults.js';
import { PastPrometheus, type Labels, type PastSeries } from './prometheus.js';

const START = 1_700_006_400;
const SCRAPE_INTERVAL = 15;
const NOW = START + 600;
const PEER = '10.0.0.1:80';

/** Growth per second of the counters of one pod. */
type Rates = Readonly<Record<string, number>>;

const POD: Rates = {
  'kernscale_state_seconds_total{state=oncpu}': 0.5,
  'kernscale_state_seconds_total{state=runqueue}': 0.25,
  'kernscale_state_seconds_total{state=disk}': 0,
  'kernscale_state_seconds_total{state=network}': 0.125,
  'kernscale_state_seconds_total{state=idle}': 4,
  'kernscale_state_seconds_total{state=reclaim}': 0.125,
  'kernscale_serving_seconds_total{state=oncpu}': 0.25,
  'kernscale_serving_seconds_total{state=lock}': 0,
  kernscale_cpu_starved_seconds_total: 0.5,
  kernscale_tcp_requests_total: 20,
  kernscale_tcp_requests_abandoned_total: 2,
  kernscale_tcp_requests_dropped_total: 1,
  kernscale_tcp_retries_total: 0.25,
  kernscale_tcp_outstanding_seconds_total: 8,
  kernscale_tcp_serve_seconds_count: 16,
  kernscale_tcp_serve_seconds_sum: 4,
  kernscale_tcp_think_seconds_count: 3,
  kernscale_tcp_think_seconds_sum: 6,
  [`kernscale_tcp_sent_total{peer=${PEER}}`]: 10,
  [`kernscale_tcp_sent_abandoned_total{peer=${PEER}}`]: 1,
  [`kernscale_tcp_sent_dropped_total{peer=${PEER}}`]: 0.5,
  [`kernscale_tcp_failures_total{peer=${PEER}}`]: 0.25,
  [`kernscale_tcp_sent_outstanding_seconds_total{peer=${PEER}}`]: 5,
  [`kernscale_tcp_wait_seconds_count{peer=${PEER}}`]: 8,
  [`kernscale_tcp_wait_seconds_sum{peer=${PEER}}`]: 4,
  'kernscale_tcp_wait_seconds_sum{peer=10.0.0.2:80}': 0,
};

/** @param born scrape that first sees the pod, in seconds from the start */
function pod(workload: string, name: string, rates: Rates, born = 0): PastSeries[] {
  return Object.entries(rates).map(([text, rate]) => {
    const [, metric = '', label = '', value = ''] = /^(\w+)(?:\{(\w+)=(.*)\})?$/.exec(text) ?? [];
    const labels: Labels = {
      ...{ namespace: 'shop', workload, workload_kind: 'Deployment', pod: name },
      ...(label && { [label]: value }),
    };
    return { metric, labels, value: (at) => (at < START + born ? undefined : 1000 + (at - START) * rate) };
  });
}

const firstRelease = Object.fromEntries(
  Object.entries(POD).filter(([name]) => /state_seconds|serve_seconds|wait_seconds|failures/.test(name)),
);
const silent = Object.fromEntries(Object.entries(POD).filter(([name]) => !name.includes('tcp')));

describe('the windows, in Prometheus', function () {
  this.timeout(60_000);
  const prometheus = new PastPrometheus();
  let client: PrometheusClient;
  const group = resolveGroup({ name: 'shop', rules: [] }, 'rules.yaml', []);

  before(async () => {
    const series = [
      ...pod('cart', 'a', POD),
      ...pod('cart', 'b', POD),
      ...pod('young', 'a', POD),
      ...pod('young', 'b', POD, 600 - 45),
      ...pod('first', 'a', firstRelease),
      ...pod('silent', 'a', silent),
    ];
    await prometheus.start({
      ...{ from: START, to: NOW + SCRAPE_INTERVAL, scrapeInterval: SCRAPE_INTERVAL, series },
    });
    client = new PrometheusClient({ url: prometheus.url, timeout: 20 });
  });

  after(async () => {
    await client.close();
    await prometheus.stop();
  });

  async function windows(workload: string, now = NOW + 5): Promise<Windows | undefined> {
    const results = await querySignals((expr, time) => client.query(expr, time), group, now);
    return windowsOf(windowTables(group, results, now), `shop/Deployment/${workload}`, undefined);
  }

  async function measured(workload: string, window: keyof Windows): Promise<Measures> {
    const measures = (await windows(workload))?.[window];
    if (!measures || isAbsent(measures)) throw new Error(measures?.text ?? 'not measured');
    return measures;
  }

  for (const window of ['recent', 'settled'] as const) {
    it(`are the counters' growth per second, summed over the pods, in the ${window} one`, async () => {
      const found = await measured('cart', window);
      const [call] = found.calls;
      expect(rounded(found)).to.deep.include({
        window: window === 'recent' ? 30 : 60,
        timestamp: NOW,
        pods: 2,
        states: { oncpu: 1, runqueue: 0.5, disk: 0, network: 0.25, other: 0.25 },
        serving: { oncpu: 0.5 },
        starved: 0.5,
        requests: {
          ...{ arrived: 40, answered: 32, abandoned: 4, dropped: 2, retried: 0.5 },
          ...{ outstanding: 16, served: 8, thought: { requests: 6, seconds: 12 } },
        },
      });
      expect(found.calls).to.have.length(1);
      expect(rounded(call)).to.deep.include({
        ...{ peer: PEER, sent: 20, answered: 16, waited: 8, outstanding: 10, abandoned: 2, failed: 1.5 },
      });
    });
  }

  it('count the pods that are as old as the window', async () => {
    expect((await measured('young', 'recent')).pods).to.equal(2);
    expect((await measured('young', 'settled')).pods).to.equal(1);
  });

  it('have no requests where none are counted', async () => {
    expect((await measured('silent', 'settled')).requests).to.equal(undefined);
  });

  it('are undefined for exporters of the first release, and for a workload without series', async () => {
    expect(await windows('first')).to.equal(undefined);
    expect(await windows('nobody')).to.equal(undefined);
  });

  it('tell the built-in signals as their expressions define them', async () => {
    const now = NOW + 5;
    const results = await querySignals(
      (expr, time) => client.query(expr, time),
      { ...group, signals: {} },
      now,
    );
    const told = toldSignals(group.signals, windowTables(group, results, now).settled.parts);
    expect([...told.keys()].sort()).to.deep.equal(['blockio', 'cpu', 'edges', 'lock', 'pods', 'wait']);
    for (const [name, table] of told) {
      const result = await client.query(group.signals[name]!.expr, now);
      const defined = result.ok ? result.samples : [];
      const rows = [...table.workloads()].flatMap((workload) =>
        table.samples(workload).map(({ peer, value }) => [workload, peer, value]),
      );
      const rowsDefined = defined.map(({ labels, value }) => [
        keyOfLabels(labels),
        labels['peer'] ?? '',
        value,
      ]);
      expect(rounded(rows), name).to.have.deep.members(rounded(rowsDefined));
      expect(rows.length > 0, name).to.equal(name !== 'lock');
    }
  });

  it('can be replayed from the past', async () => {
    const rounds: ReadonlyMap<WorkloadKey, Windows>[] = [];
    const failure = await restoreUsual({
      ...{ groups: [group], resolve: undefined, now: NOW, span: 300 },
      range: (expr, grid) => client.queryRange(expr, grid),
      learn: (round) => rounds.push(round),
    });
    expect(failure).to.equal(undefined);
    expect(rounds).to.have.length(5);
    for (const round of rounds) {
      expect([...round.keys()].sort()).to.deep.equal(
        ['cart', 'silent', 'young'].map((name) => `shop/Deployment/${name}`),
      );
      const settled = round.get('shop/Deployment/cart')!.settled;
      expect(isAbsent(settled) ? settled : rounded(settled.requests)).to.include({
        arrived: 40,
        answered: 32,
      });
    }
  });

  it('are absent once their newest scrape is too old', async () => {
    expect((await windows('cart', NOW + 50))?.settled).to.include({ absent: 'stale' });
  });
});

/** Rates are extrapolated in floating point. */
function rounded<T>(value: T): T {
  return JSON.parse(
    JSON.stringify(value, (_, one: unknown) => (typeof one === 'number' ? Number(one.toFixed(6)) : one)),
  ) as T;
}

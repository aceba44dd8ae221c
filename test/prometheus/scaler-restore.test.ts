import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { stringify } from 'yaml';
import { startCluster, type Cluster } from '../../sandbox/cluster/index.js';
import { reservePort, type Reservation } from '../../sandbox/loop/ports.js';
import { HOST_IMAGE } from '../cluster/harness.js';
import { eventually } from '../eventually.js';
import { PastPrometheus, type PastSeries } from './prometheus.js';
import { RunningScaler } from './running-scaler.js';
import { shop } from './scaler-harness.js';

const HOUR = 3600;
/** The counters go on for this long, for the scalers to watch. */
const AHEAD = 600;
const SCRAPE_INTERVAL = 15;
const PODS = 2;
const REQUESTS = 20;
const COST = 0.01;

/** Growth per second of the counters of one pod. */
const RATES: Readonly<Record<string, number>> = {
  'kernscale_state_seconds_total{state=oncpu}': REQUESTS * COST,
  'kernscale_state_seconds_total{state=idle}': 2,
  'kernscale_serving_seconds_total{state=oncpu}': REQUESTS * COST,
  kernscale_cpu_starved_seconds_total: 0,
  kernscale_tcp_requests_total: REQUESTS,
  kernscale_tcp_outstanding_seconds_total: REQUESTS * COST,
  kernscale_tcp_serve_seconds_count: REQUESTS,
  kernscale_tcp_serve_seconds_sum: REQUESTS * COST,
};

/** What is usual takes some 14 rounds to learn, longer than the tests. */
const RULES = {
  groups: [
    {
      ...{ name: 'shop', interval: '5s', window: '1m' },
      rules: [
        {
          scale: 'web',
          scaleTargetRef: { apiVersion: 'apps/v1', kind: 'StatefulSet', namespace: 'shop', name: 'web' },
          maxReplicas: 10,
        },
      ],
    },
  ],
};

function podSeries(name: string, start: number): PastSeries[] {
  const labels = { namespace: 'shop', workload: 'web', workload_kind: 'StatefulSet', pod: name };
  const counters = Object.entries(RATES).map(([text, rate]): PastSeries => {
    const [, metric = '', state] = /^(\w+)(?:\{state=(.*)\})?$/.exec(text) ?? [];
    return {
      metric,
      labels: { ...labels, ...(state && { state }) },
      value: (at) => 1000 + (at - start) * rate,
    };
  });
  return [...counters, { metric: 'kernscale_container_cpu_request_cores', labels, value: () => 0.2 }];
}

describe('scaler that starts without a history', function () {
  this.timeout(120_000);
  const prometheus = new PastPrometheus();
  const reservations: Reservation[] = [];
  const scalers: RunningScaler[] = [];
  let directory: string;
  let cluster: Cluster | undefined;

  before(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'kernscale-restore-'));
    const now = Math.floor(Date.now() / 1000);
    const [from, to] = [now - HOUR - 300, now + AHEAD];
    const names = Array.from({ length: PODS }, (_, pod) => `web-${pod}`);
    const series = names.flatMap((name) => podSeries(name, from));
    await prometheus.start({ from, to, scrapeInterval: SCRAPE_INTERVAL, series });
    cluster = await startCluster({ images: HOST_IMAGE, stateDir: path.join(directory, 'cluster') });
    await cluster.apply(shop({ web: PODS }));
  });

  after(async () => {
    await Promise.all(scalers.map((scaler) => scaler.stop()));
    await cluster?.stop();
    await prometheus.stop();
    await Promise.all(reservations.map((reservation) => reservation.release()));
    rmSync(directory, { recursive: true });
  });

  async function startScaler(name: string, ...flags: string[]): Promise<RunningScaler> {
    const reservation = await reservePort(15_001);
    reservations.push(reservation);
    const scaler = new RunningScaler(path.join(directory, name), reservation.port, [
      `--kubernetes.kubeconfig=${cluster!.kubeconfigPath}`,
      `--prometheus.url=${prometheus.url}`,
      '--dry-run',
      ...flags,
    ]);
    scalers.push(scaler);
    writeFileSync(scaler.rulesFile, stringify(RULES));
    await scaler.start();
    return scaler;
  }

  it('sizes by what was usual in the last hour', async () => {
    const scaler = await startScaler('restoring');
    const { trace } = await scaler.untilDecision('web', (record) => {
      return record.trace.demand?.cost?.usual !== undefined;
    });
    expect(trace.demand!.cost!.usual).to.be.closeTo(COST, 0.05 * COST);
    // Learning takes more rounds than that.
    expect(scaler.records().length).to.be.below(12);
    expect(scaler.log()).to.match(/restored=1 of=1 .*what is usual/);
  });

  it('knows nothing usual where that is turned off', async () => {
    const scaler = await startScaler('forgetful', '--restore.range=0s');
    await scaler.untilDecision('web', ({ trace }) => trace.demand?.cost !== undefined);
    await eventually('a few rounds', () => scaler.records().length >= 3, 30_000);
    for (const { trace } of scaler.records()) expect(trace.demand?.cost?.usual).to.equal(undefined);
    expect(scaler.log()).to.not.include('usual');
  });
});

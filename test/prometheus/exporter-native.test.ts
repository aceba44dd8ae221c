import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PROBES, type Snapshot } from 'bpf-linker-napi';
import { expect } from 'chai';
import { pino } from 'pino';
import { eventually } from '../eventually.js';
import { loadKubeConfig } from '../../common/kubeconfig.js';
import { watchResource, type Watched } from '../../common/kubernetes-watch.js';
import { Exporter } from '../../exporter/exporter.js';
import { KubernetesSource } from '../../exporter/identity/kubernetes.js';
import { knownPod, type KnownPod } from '../../exporter/identity/pods.js';
import { DESCRIPTORS } from '../../exporter/series/descriptors.js';
import { createApp } from '../../exporter/web.js';
import { builtInSignals } from '../../scaler/promql/signals.js';
import { BOUNDS, busyCounters, HandMadeProbes, NO_PROFILES } from '../unit/exporter/fixtures.js';
import { LoopbackApi } from '../unit/loopback-api.js';
import { ScrapingPrometheus } from './prometheus.js';

const UID = '0b4e9e2a-6f2d-4c1b-9d59-6f2f2c0d7e11';
const ID = 'ab'.repeat(32);
/** Programs that families depend on. */
const MEASURES = {
  scheduler: 'sched_switch',
  blockio: 'block_rq_complete',
  sampling: 'sample',
  tcp: 'tcp_rcv_space_adjust',
};
const WAIT_SECONDS = 0.05;
const WAITS_PER_SECOND = 10;
const WINDOW_SECONDS = 5;
const JOBS = 4;
const KERNEL_HISTOGRAMS = `(${DESCRIPTORS.filter(({ type }) => type === 'histogram')
  .map(({ name }) => name)
  .join('|')})`;

/** A busy container that waits on a peer `WAITS_PER_SECOND` times a second. */
class WaitingProbes extends HandMadeProbes {
  readonly #start = performance.now();

  /** @param container cgroup of the container; its pod's cgroup has a slot, too */
  constructor(private readonly container: bigint) {
    super(
      2,
      PROBES.map((probe) => ({ probe, program: MEASURES[probe], attached: true, detail: '' })),
    );
  }

  override read(): Snapshot {
    const waits = Math.floor(((performance.now() - this.#start) / 1000) * WAITS_PER_SECOND);
    const slot = this.slots.get(this.container);
    if (slot !== undefined) {
      const busy = busyCounters(slot);
      const [peer] = busy.peers;
      const buckets = peer!.histograms.wait.buckets.map((count) => count * waits);
      const wait = { buckets, sum: waits * WAIT_SECONDS };
      this.counters.set(slot, { ...busy, peers: [{ ...peer!, histograms: { ...peer!.histograms, wait } }] });
    }
    return super.read();
  }
}

describe('Prometheus with native histograms', function () {
  this.timeout(90_000);
  const directory = mkdtempSync(path.join(tmpdir(), 'kernscale-'));
  const log = pino({ level: 'silent' });
  const api = new LoopbackApi();
  const prometheus = new ScrapingPrometheus();
  const servers: Server[] = [];
  let pods: Watched<KnownPod>;
  let exporter: Exporter;
  /** End of a window in which no scrape has failed, in seconds since the epoch: later ones may. */
  let at: number;

  before(async () => {
    const container = path.join(directory, 'cgroup', 'kubepods', `pod${UID}`, ID);
    mkdirSync(container, { recursive: true });
    api.put({
      metadata: { namespace: 'shop', name: 'web-1', uid: UID },
      spec: { containers: [{ name: 'web', image: 'web:1' }] },
      status: { containerStatuses: [{ name: 'web', containerID: `containerd://${ID}` }] },
    });
    await api.start();
    writeFileSync(path.join(directory, 'kubeconfig'), api.kubeconfig());
    pods = watchResource({
      config: loadKubeConfig(path.join(directory, 'kubeconfig')),
      path: '/api/v1/pods',
      keep: knownPod,
      log,
    });
    exporter = new Exporter({
      probes: new WaitingProbes(statSync(container, { bigint: true }).ino),
      profilePrograms: [],
      bounds: BOUNDS,
      detail: true,
      cgroupRoot: path.join(directory, 'cgroup'),
      source: new KubernetesSource(pods),
      policy: { ignoreNamespaces: /^$/, keepSeconds: 30 },
      version: '1.2.3',
      log,
    });
    await pods.synced;
    const negotiated = await serve({});
    const text = await serve({ accept: 'text/plain' });
    await prometheus.start(
      [
        job('native', negotiated, 'native'),
        job('classic', text, 'classic'),
        // This version cannot keep both from one scrape, so two jobs write the same labels.
        job('native of both', negotiated, 'both', 'kernscale_tcp_wait_seconds'),
        job('classic of both', text, 'both', 'kernscale_(tcp_wait_seconds_.*|state_seconds_total)'),
      ],
      '--enable-feature=native-histograms',
    );
    at = await eventually('a window of scrapes of every job', windowOfScrapes, 60_000);
  });

  /** Returns the present time if it ends a window of which every job has all scrapes. */
  async function windowOfScrapes(): Promise<number | undefined> {
    const now = Date.now() / 1000;
    const samples = `scrape_samples_post_metric_relabeling[${WINDOW_SECONDS}s]`; // 0 where a scrape has failed
    const isFull = `count_over_time(${samples}) >= ${WINDOW_SECONDS} and min_over_time(${samples}) > 0`;
    const full = await prometheus.query(isFull, now);
    return full.length === JOBS ? now : undefined;
  }

  after(async () => {
    await prometheus.stop();
    for (const server of servers) server.close();
    exporter.close();
    pods.stop();
    await api.stop();
    rmSync(directory, { recursive: true });
  });

  /** Serves the exporter as if every scrape had these headers. */
  async function serve(headers: object): Promise<string> {
    const respond = createApp(exporter, NO_PROFILES, { version: '1.2.3', maxRequests: 0 }, log).callback();
    const server = createServer((request, response) => {
      Object.assign(request.headers, headers);
      void respond(request, response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    servers.push(server);
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** Scrape job for metrics of these names, under the label `workload`. */
  function job(job_name: string, target: string, workload: string, names = '.*'): object {
    return {
      job_name,
      static_configs: [{ targets: [target] }],
      metric_relabel_configs: [
        { action: 'keep', source_labels: ['__name__'], regex: names },
        ...['job', 'instance', 'workload'].map((target_label) => ({ target_label, replacement: workload })),
      ],
    };
  }

  const query = (expression: string) => prometheus.query(expression, at);

  async function one(expression: string): Promise<number> {
    const samples = await query(expression);
    expect(samples, expression).to.have.length(1);
    return samples[0]![1];
  }

  it('keeps every kernel histogram as one series', async () => {
    const series = (matcher: string) => one(`count({${matcher}})`);
    const histograms = await series(`job="classic",__name__=~"${KERNEL_HISTOGRAMS}_count"`);
    expect(histograms).to.be.greaterThan(12);
    expect(await series(`job="classic",__name__=~"${KERNEL_HISTOGRAMS}_bucket"`)).to.be.greaterThan(
      histograms,
    );
    expect(await series(`job="native",__name__=~"${KERNEL_HISTOGRAMS}"`)).to.equal(histograms);
    expect(await query(`{job="native",__name__=~"${KERNEL_HISTOGRAMS}_.*"}`)).to.deep.equal([]);
  });

  it('keeps every other metric as with classic histograms', async () => {
    const others = (name: string) =>
      one(`count({job="${name}",__name__=~"kernscale_.*",__name__!~"${KERNEL_HISTOGRAMS}.*"})`);
    expect(await others('native'))
      .to.be.greaterThan(30)
      .and.to.equal(await others('classic'));
  });

  it('returns counts, sums and quantiles of the kernel’s observations', async () => {
    const serve = 'kernscale_tcp_serve_seconds{job="native"}';
    // Both requests took 50 to 60 ms, between 2^-5 and 2^-4 s.
    expect(await one(`histogram_quantile(1, ${serve})`)).to.equal(0.0625);
    expect(await one(`histogram_quantile(0, ${serve})`)).to.equal(0.03125);
    expect(await one(`histogram_fraction(0.03125, 0.0625, ${serve})`)).to.equal(1);
    expect(await one(`histogram_sum(${serve})`)).to.be.closeTo(0.11, 1e-9);
    // One observation in the zero bucket, one in the next, and one above every bound of the kernel.
    const runqueue = 'kernscale_runqueue_seconds{job="native"}';
    expect(await one(`histogram_count(${runqueue})`)).to.equal(3);
    expect(await one(`histogram_quantile(1, ${runqueue})`)).to.equal(128);
    const bytes = 'kernscale_blockio_bytes{job="native"}';
    expect(await one(`histogram_quantile(1, ${bytes})`)).to.equal(131_072);
  });

  it('evaluates the built-in signal for waits once, with either kind of histogram or both', async () => {
    const { edges } = builtInSignals(`${WINDOW_SECONDS}s`);
    const waits = (await query(edges!)).map(([{ workload }, value]) => [workload, value] as const);
    expect(waits.map(([workload]) => workload)).to.have.members(['native', 'classic', 'both']);
    for (const [workload, value] of waits) {
      expect(value, workload).to.be.closeTo(WAITS_PER_SECOND * WAIT_SECONDS, 0.1);
    }
  });
});

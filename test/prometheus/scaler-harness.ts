import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { AppsV1Api } from '@kubernetes/client-node';
import { stringify } from 'yaml';
import { eventually } from '../eventually.js';
import { loadKubeConfig } from '../../common/kubeconfig.js';
import { HOST_IMAGE } from '../cluster/harness.js';
import { startCluster, type Cluster } from '../../sandbox/cluster/index.js';
import { reservePort, type Reservation } from '../../sandbox/loop/ports.js';
import { start, untilReady, type Program, type Running } from '../../sandbox/loop/process.js';

import { prometheusProgram } from './prometheus.js';
import { RunningScaler, type Around } from './running-scaler.js';
import { DictatedMetrics } from './scaler-metrics.js';

const run = promisify(execFile);
const GRACE_MS = 2000;
/** Container of all pods. */
const CONTAINER = {
  name: 'main',
  image: 'host',
  command: ['sleep', 'infinity'],
  resources: { requests: { cpu: '200m' } },
};
/** Longer than the window of the tests' rates, which are too low until the window is full. */
const WARM_UP_SECONDS = 6;

/** A real Prometheus, the real scaler and a stand-in cluster, with metrics that a test dictates. */
export class ScalerHarness {
  readonly metrics = new DictatedMetrics();
  /** What scalers are started in; default: nothing. */
  around: Around | undefined;
  cluster!: Cluster;
  prometheus!: Running;
  prometheusUrl!: string;
  #directory: string | undefined;
  #scraped = 0;
  #prometheusProgram!: Program;
  #apps!: AppsV1Api;
  readonly #scalers: RunningScaler[] = [];
  readonly #reservations: Reservation[] = [];

  /** Starts everything but the scaler. @param scraped port that Prometheus scrapes; default: the metrics' own */
  async start(manifest: string, scraped?: number): Promise<void> {
    await this.metrics.start();
    this.#scraped = scraped ?? this.metrics.port;
    this.cluster = await startCluster({ images: HOST_IMAGE, stateDir: path.join(this.directory, 'cluster') });
    await this.cluster.apply(manifest);
    this.#apps = loadKubeConfig(this.cluster.kubeconfigPath).makeApiClient(AppsV1Api);
    await this.startPrometheus();
    await eventually('a full window of scrapes', () => this.#hasScrapesFrom(WARM_UP_SECONDS), 30_000);
  }

  /** Created on first use, because a suite without a selected test runs no `after` to remove it. */
  get directory(): string {
    return (this.#directory ??= mkdtempSync(path.join(tmpdir(), 'kernscale-scaler-')));
  }

  async startPrometheus(): Promise<void> {
    const port = await this.#port(19_090);
    this.prometheusUrl = `http://127.0.0.1:${port}`;
    const targets = [`127.0.0.1:${this.#scraped}`];
    writeFileSync(
      path.join(this.directory, 'prometheus.yml'),
      stringify({
        global: { scrape_interval: '1s', scrape_timeout: '1s' },
        scrape_configs: [{ job_name: 'kernscale-exporter', static_configs: [{ targets }] }],
      }),
    );
    this.#prometheusProgram = prometheusProgram(this.directory, port);
    await this.restartPrometheus();
  }

  async #port(wanted: number): Promise<number> {
    const reservation = await reservePort(wanted);
    this.#reservations.push(reservation);
    return reservation.port;
  }

  async restartPrometheus(): Promise<void> {
    this.prometheus = start(this.#prometheusProgram);
    await untilReady(this.#prometheusProgram, this.prometheus, AbortSignal.timeout(30_000));
  }

  async #hasScrapesFrom(secondsAgo: number): Promise<boolean> {
    const query = encodeURIComponent(`count(kernscale_state_seconds_total offset ${secondsAgo}s)`);
    const response = await fetch(`${this.prometheusUrl}/api/v1/query?query=${query}`);
    const { data } = (await response.json()) as { data: { result: unknown[] } };
    return data.result.length > 0;
  }

  async startScaler(name: string, rules: object, ...flags: string[]): Promise<RunningScaler> {
    const settings = [
      `--kubernetes.kubeconfig=${this.cluster.kubeconfigPath}`,
      `--prometheus.url=${this.prometheusUrl}`,
      '--prometheus.query-offset=0s',
      ...flags,
    ];
    const stem = path.join(this.directory, name);
    const scaler = new RunningScaler(stem, await this.#port(15_001), settings, this.around);
    this.#scalers.push(scaler);
    writeFileSync(scaler.rulesFile, stringify(rules));
    await scaler.start();
    return scaler;
  }

  /** Returns the output of `kubectl get --raw`. */
  async kubernetes(url: string): Promise<string> {
    const { stdout } = await run('kubectl', [
      `--kubeconfig=${this.cluster.kubeconfigPath}`,
      'get',
      `--raw=${url}`,
    ]);
    return stdout;
  }

  async replicas(name: string): Promise<number> {
    const { spec } = await this.#apps.readNamespacedStatefulSet({ namespace: 'shop', name });
    return spec?.replicas ?? 1;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#scalers.map((scaler) => scaler.stop()));
    await (this.prometheus as Running | undefined)?.stop(GRACE_MS);
    await (this.cluster as Cluster | undefined)?.stop();
    await this.metrics.stop();
    await Promise.all(this.#reservations.map((reservation) => reservation.release()));
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true });
  }
}

const FAST_DOWN = { scaleDown: { stabilizationWindowSeconds: 2 } };

/** A rule for one of the StatefulSets that `shop` makes. */
export function rule(name: string, extra: object = {}): object {
  const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'StatefulSet', namespace: 'shop', name };
  return { scale: name, scaleTargetRef, minReplicas: 1, maxReplicas: 10, behavior: FAST_DOWN, ...extra };
}

/**
 * StatefulSets in the namespace `shop`, each with a Service. Their pods do nothing, and have the names that
 * `DictatedMetrics` gives them.
 */
export function shop(replicas: Readonly<Record<string, number>>): string {
  const objects = Object.entries(replicas).flatMap(([name, count]) => [
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { namespace: 'shop', name, labels: { app: name } },
      spec: {
        replicas: count,
        serviceName: name,
        podManagementPolicy: 'Parallel',
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels: { app: name } },
          spec: { terminationGracePeriodSeconds: 0, containers: [CONTAINER] },
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace: 'shop', name },
      spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }] },
    },
  ]);
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } };
  return [namespace, ...objects].map((object) => stringify(object)).join('---\n');
}

/**
 * Measures the scaler's process for a large fleet: its peak memory, the time of its rounds and what it asks of others:
 * `npm run bench:size -- --workloads 10000`.
 *
 * API server and Prometheus are stand-ins that write their answers as they are asked, so the time of a round is that of the
 * scaler: what a real Prometheus needs for its queries comes on top.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runMain } from '../../common/main.js';
import { flag } from '../../common/flags.js';
import { reservePort } from '../../sandbox/loop/ports.js';
import { fromRoot } from '../../sandbox/paths.js';
import { benchFlags, positive } from './flags.js';
import { FleetApi } from './size-api.js';
import { FleetPrometheus } from './size-prometheus.js';

const INTERVAL = 15;
/** As the manifests set it. */
const HEAP_MIB = 512;
/** Its metrics are read as often as Prometheus would. */
const SCRAPE_MS = 15_000;
const PATIENCE_SECONDS = 900;
const GROUP = 'fleet';
const SIGNALS = ['cpu', 'blockio', 'wait', 'lock', 'edges', 'request', 'limit', 'pods'];
// The data may be old: decisions on none would take less memory, where a busy machine takes long for a round.
const RULES = `groups:
  - name: ${GROUP}
    interval: ${INTERVAL}s
    signals: {${SIGNALS.map((name) => `${name}: {maxAge: 10m}`).join(', ')}}
    rules:
      - {scale: all, match: {kind: Deployment}, maxReplicas: 20, dryRun: true}
`;

interface Options {
  readonly workloads: number;
  readonly pods: number;
  readonly podBytes: number;
  readonly rounds: number;
  readonly heap: number;
  readonly restore: boolean;
  readonly nodeFlag?: readonly string[];
}

async function main(argv: readonly string[]): Promise<number> {
  const description = "Measures the scaler's memory and time for a large fleet.";
  const options = benchFlags<Options>('size', description, argv, [
    flag('--workloads <n>', 'Deployments of the fleet', 10_000, positive),
    flag('--pods <n>', 'Pods of each', 5, positive),
    flag('--pod-bytes <n>', 'Length of the JSON of a pod', 10_240, positive),
    flag('--rounds <n>', 'Rounds to measure, once what is usual is restored', 4, positive),
    flag('--heap <MiB>', '--max-old-space-size of the scaler', HEAP_MIB, positive),
    flag('--no-restore', 'Restore nothing from Prometheus at the start'),
    flag('--node-flag <flag...>', 'Further flags of node, such as --cpu-prof'),
  ]);
  if (!options) return 0;
  const folder = mkdtempSync(path.join(tmpdir(), 'kernscale-size-'));
  const [api, prometheus] = [new FleetApi(options), new FleetPrometheus(options)];
  const port = await reservePort(19_501);
  try {
    await Promise.all([api.start(), prometheus.start()]);
    writeFileSync(path.join(folder, 'kubeconfig'), api.kubeconfig);
    writeFileSync(path.join(folder, 'rules.yaml'), RULES);
    const scaler = new MeasuredScaler(folder, port.port, prometheus.url, options);
    const say = options.json ? () => undefined : console.error;
    const rows = await measure(scaler, { api, prometheus, options, say });
    if (options.json) console.log(JSON.stringify({ name: 'size', ...options, rows }));
    else console.table(rows);
    return scaler.ended === undefined ? 0 : 1;
  } finally {
    api.stop();
    await prometheus.stop();
    await port.release();
    rmSync(folder, { recursive: true });
  }
}

class MeasuredScaler {
  readonly url: string;
  /** Exit status or signal, once it has ended. */
  ended: string | undefined;
  /** Peak resident memory, MiB. */
  peak = 0;
  readonly #child;
  #log = '';

  constructor(
    readonly folder: string,
    port: number,
    prometheus: string,
    { heap, restore, nodeFlag = [] }: Options,
  ) {
    this.url = `http://127.0.0.1:${port}`;
    this.#child = spawn(
      'setpriv',
      // It cannot outlive this process.
      [
        ...['--pdeathsig', 'KILL', '--', process.execPath],
        `--max-old-space-size=${heap}`,
        ...nodeFlag,
        fromRoot('dist/scaler/main.js'),
        `--web.listen-address=127.0.0.1:${port}`,
        `--kubernetes.kubeconfig=${path.join(folder, 'kubeconfig')}`,
        `--prometheus.url=${prometheus}`,
        '--prometheus.timeout=600s',
        `--rules=${path.join(folder, 'rules.yaml')}`,
        `--history.file=${path.join(folder, 'history.json')}`,
        '--leader-elect',
        '--leader-elect.namespace=kernscale',
        ...(restore ? [] : ['--restore.range=0s']),
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream.on('data', (chunk: Buffer) => (this.#log = (this.#log + chunk.toString()).slice(-100_000)));
    this.#child.once('exit', (code, signal) => (this.ended = signal ?? `exit status ${code ?? 0}`));
  }

  /** True once the past is read, whether that succeeded or not. */
  get hasRestored(): boolean {
    return /msg="(restored .*what is usual|what is usual is learnt anew)/.test(this.#log);
  }

  get lastLines(): string {
    return this.#log.split('\n').slice(-12).join('\n');
  }

  /** Value of a metric; 0 while there is none. */
  async metric(name: string): Promise<number> {
    const response = await fetch(`${this.url}/metrics`).catch(() => undefined);
    const text = (await response?.text().catch(() => '')) ?? '';
    const line = text.split('\n').find((one) => one.startsWith(`${name}{`) || one.startsWith(`${name} `));
    return Number(line?.split(' ').at(-1) ?? 0);
  }

  /** Queries that took too long on a busy machine: their figures are of less work. */
  async failedQueries(): Promise<number> {
    const text = await fetch(`${this.url}/metrics`)
      .then((response) => response.text())
      .catch(() => '');
    const lines = text.split('\n').filter((line) => line.startsWith('kernscale_promql_queries_total{'));
    const failed = lines.filter((line) => !line.includes('outcome="success"'));
    return failed.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  /** Reads the peak as the kernel keeps it. */
  sample(): void {
    try {
      const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
      const kib = Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0);
      this.peak = Math.max(this.peak, Math.round(kib / 1024));
    } catch {
      // It has just ended.
    }
  }

  async stop(): Promise<void> {
    this.sample();
    if (this.ended !== undefined) return;
    this.#child.kill('SIGTERM');
    while ((this.ended as string | undefined) === undefined) await sleep(100);
    this.ended = undefined;
  }
}

interface Surroundings {
  readonly api: FleetApi;
  readonly prometheus: FleetPrometheus;
  readonly options: Options;
  readonly say: (text: string) => void;
}

async function measure(scaler: MeasuredScaler, { api, prometheus, options, say }: Surroundings) {
  const started = performance.now();
  const seconds = (): number => Math.round((performance.now() - started) / 100) / 10;
  const rows: { what: string; value: number | string }[] = [];
  const until = async (what: string, met: () => boolean | Promise<boolean>): Promise<boolean> => {
    say(`${seconds()} s, peak ${scaler.peak} MiB: waiting for ${what}`);
    while (scaler.ended === undefined && seconds() < PATIENCE_SECONDS) {
      scaler.sample();
      if (await met()) return true;
      await sleep(SCRAPE_MS);
    }
    return false;
  };
  const durations = `kernscale_rule_group_duration_seconds`;
  const rounds = () => scaler.metric(`${durations}_count`);
  const ready = await until('the first round', async () => (await rounds()) > 0);
  rows.push({ what: 'time to the first round, s', value: ready ? seconds() : 'never' });
  rows.push({ what: 'peak memory by then, MiB', value: scaler.peak });
  const restored = await until('what is usual', () => !options.restore || scaler.hasRestored);
  rows.push({ what: 'time until what is usual is known, s', value: restored ? seconds() : 'never' });
  rows.push({ what: 'peak memory by then, MiB', value: scaler.peak });
  const cpu = () => scaler.metric('process_cpu_seconds_total');
  const spentSeconds = () => scaler.metric(`${durations}_sum`);
  const before = { rounds: await rounds(), spent: await spentSeconds(), cpu: await cpu() };
  const asked = { queries: prometheus.queries, requests: api.requests, at: seconds() };
  await until(`${options.rounds} rounds`, async () => (await rounds()) >= before.rounds + options.rounds);
  const done = (await rounds()) - before.rounds;
  const spent = (await spentSeconds()) - before.spent;
  const cpuSpent = (await cpu()) - before.cpu;
  const answer = await fetch(`${scaler.url}/api/v1/decisions`).catch(() => undefined);
  const decisions = answer?.ok ? (await answer.arrayBuffer().catch(() => undefined))?.byteLength : undefined;
  rows.push(
    { what: 'time of a round, s', value: +(spent / done).toFixed(2) },
    { what: 'CPU time of a round, s', value: +(cpuSpent / done).toFixed(2) },
    { what: 'queries of a round', value: +((prometheus.queries - asked.queries) / done).toFixed(1) },
    { what: 'failed queries', value: await scaler.failedQueries() },
    { what: 'longest answer of Prometheus, MB', value: +(prometheus.longest / 1e6).toFixed(1) },
    {
      what: 'API requests per second',
      value: +((api.requests - asked.requests) / (seconds() - asked.at)).toFixed(2),
    },
    {
      what: '/api/v1/decisions, MB',
      value: decisions === undefined ? 'none' : +(decisions / 1e6).toFixed(1),
    },
  );
  await sleep(500);
  const { ended } = scaler;
  await scaler.stop();
  rows.push({ what: 'peak memory, MiB', value: scaler.peak });
  if (ended !== undefined) {
    rows.push({ what: 'the scaler ended', value: ended });
    say(scaler.lastLines);
  }
  return rows;
}

await runMain('bench:size', main);

/**
 * Measures a backtest: `npm run bench:backtest [-- --workloads 100 --pods 1 --days 7 --json]`.
 *
 * Writes the past of a fleet, scraped every 15 s, into a real Prometheus and replays the default rule over all of it
 * with `kernscale backtest`, as users run it. The goal is a wall time on an otherwise idle machine; the CPU times show
 * which process needs it. Writing the past takes two minutes for a week of 100 workloads.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { KernscaleError } from '../../common/errors.js';
import { flag } from '../../common/flags.js';
import { runMain, terminationSignal } from '../../common/main.js';
import { count } from '../../scaler/core/format.js';
import { fromRoot } from '../../sandbox/paths.js';
import { PastPrometheus } from '../prometheus/prometheus.js';
import { benchFlags, positive } from './flags.js';
import { fleetPast } from './fleet-past.js';

/** Begins a block of Prometheus'. */
const START = 1_700_006_400;
const DAY = 86_400;
const SCRAPE_INTERVAL = 15;
/** Seconds for a week of 100 workloads. */
const GOAL = 60;
/** Linux counts the CPU time of processes in hundredths of a second. */
const TICKS = 100;
const RULES =
  'groups: [{ name: fleet, rules: [{ scale: all, match: { kind: Deployment }, maxReplicas: 20 }] }]\n';

interface Options {
  readonly workloads: number;
  readonly pods: number;
  readonly days: number;
}

interface Measured {
  /** Wall time; `ours` and `prometheus` are CPU time. */
  readonly seconds: number;
  readonly ours: number;
  readonly prometheus: number;
  /** Peak of our resident memory. */
  readonly peakMegabytes: number;
}

function parseOptions(argv: readonly string[]): (Options & { readonly json?: boolean }) | undefined {
  return benchFlags<Options>(
    'backtest',
    'Measures a replay of the default rule over the past of a fleet in Prometheus.',
    argv,
    [
      flag('--workloads <n>', 'Workloads of the fleet', 100, positive),
      flag('--pods <n>', 'Pods of each workload', 1, positive),
      flag('--days <n>', 'Length of the past', 7, positive),
    ],
  );
}

async function cpuSeconds(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

async function peakMegabytes(pid: number): Promise<number> {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round(Number(kilobytes) / 1000);
}

/** Runs the backtest and samples its usage, which is lost when the process ends. */
async function measure(
  prometheus: PastPrometheus,
  rules: string,
  days: number,
  signal: AbortSignal,
): Promise<Measured> {
  const before = await cpuSeconds(prometheus.pid);
  const started = performance.now();
  const range = [`--from=${START}`, `--to=${START + days * DAY - SCRAPE_INTERVAL}`];
  const child = spawn(
    process.execPath,
    [
      fromRoot('dist/scaler/cli.js'),
      'backtest',
      rules,
      `--prometheus.url=${prometheus.url}`,
      ...range,
      `--step=${SCRAPE_INTERVAL}s`,
    ],
    { stdio: ['ignore', 'ignore', 'inherit'], signal },
  );
  let used = { ours: 0, peakMegabytes: 0 };
  const look = async (): Promise<void> => {
    used = { ours: await cpuSeconds(child.pid!), peakMegabytes: await peakMegabytes(child.pid!) };
  };
  // The process may end during a sample.
  const watch = setInterval(() => void look().catch(() => undefined), 100);
  const [status] = (await once(child, 'exit').finally(() => {
    clearInterval(watch);
  })) as [number | null];
  if (status !== 0) throw new KernscaleError('BACKTEST_FAILED', `kernscale backtest ended with ${status}`);
  const seconds = (performance.now() - started) / 1000;
  return { seconds, ...used, prometheus: (await cpuSeconds(prometheus.pid)) - before };
}

async function bench({ workloads, pods, days }: Options, signal: AbortSignal): Promise<Measured> {
  const folder = await mkdtemp(path.join(tmpdir(), 'kernscale-bench-'));
  const prometheus = new PastPrometheus();
  try {
    const rules = path.join(folder, 'rules.yaml');
    await writeFile(rules, RULES);
    const past = fleetPast({ workloads, pods }, START, START + days * DAY, SCRAPE_INTERVAL);
    await prometheus.start(past, (done) => {
      signal.throwIfAborted();
      process.stderr.write(`writing the past: ${Math.round(done * 100)} %\n`);
    });
    process.stderr.write('replaying the past …\n');
    return await measure(prometheus, rules, days, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    await prometheus.stop();
    await rm(folder, { recursive: true });
  }
}

async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv);
  if (!options) return 0;
  const { workloads, pods, days, json } = options;
  const stopping = new AbortController();
  void terminationSignal().then((name) => {
    stopping.abort(new KernscaleError('INTERRUPTED', `ended by ${name}`));
  });
  const measured = await bench(options, stopping.signal);
  const rounds = Math.floor((days * DAY) / SCRAPE_INTERVAL);
  const goal = (GOAL * workloads * days) / 700;
  if (json) {
    console.log(JSON.stringify({ name: 'backtest', workloads, pods, days, rounds, goal, ...measured }));
    return 0;
  }
  const { seconds, ours, prometheus, peakMegabytes: peak } = measured;
  const fleet = `${count(workloads, 'workload')} of ${count(pods, 'pod')}`;
  console.log(`${fleet}, ${count(days, 'day')}, ${count(rounds, 'round')}: ${seconds.toFixed(1)} s`);
  console.log(`goal: ${goal.toFixed(1)} s`);
  console.log(`CPU: kernscale ${ours.toFixed(1)} s, Prometheus ${prometheus.toFixed(1)} s`);
  console.log(`memory of kernscale: at most ${peak} MB`);
  return 0;
}

await runMain('bench:backtest', main);

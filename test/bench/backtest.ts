/**
 * What a backtest costs: `npm run bench:backtest [-- --workloads 100 --days 7 --json]`.
 *
 * A real Prometheus is given the past of a fleet, scraped every 15 s, and `kernscale backtest` replays the default rule
 * over all of it, as users run it. The wall time is what counts, on a machine that does nothing else; the CPU time of
 * both tells who needs it. Writing the past takes a few minutes for a week.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { fromRoot } from '../loop/paths.js';
import { PastPrometheus } from '../prometheus/history.js';
import { fleetPast } from './fleet-past.js';

/** Begins a block of Prometheus'. */
const START = 1_700_006_400;
const DAY = 86_400;
const SCRAPE_INTERVAL = 15;
/** Linux counts the CPU time of processes in hundredths of a second. */
const TICKS = 100;
const RULES =
  'groups: [{ name: fleet, rules: [{ scale: all, match: { kind: Deployment }, maxReplicas: 20 }] }]\n';

const { values } = parseArgs({
  options: {
    workloads: { type: 'string', default: '100' },
    days: { type: 'string', default: '7' },
    json: { type: 'boolean', default: false },
  },
});
const workloads = Number(values.workloads);
const days = Number(values.days);

async function cpuSeconds(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

function ignore(): void {
  // It ended meanwhile.
}

interface Measured {
  /** Of wall time; the others are of CPU time. */
  readonly seconds: number;
  readonly ours: number;
  readonly prometheus: number;
}

async function measure(prometheus: PastPrometheus, rules: string): Promise<Measured> {
  const before = await cpuSeconds(prometheus.pid);
  const started = performance.now();
  const child = spawn(
    process.execPath,
    [
      fromRoot('dist/scaler/cli.js'),
      'backtest',
      rules,
      `--prometheus.url=${prometheus.url}`,
      `--from=${START}`,
      `--to=${START + days * DAY - SCRAPE_INTERVAL}`,
      `--step=${SCRAPE_INTERVAL}s`,
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  // The CPU time of a process that has ended is gone with it.
  let ours = 0;
  const watch = setInterval(
    () => void cpuSeconds(child.pid!).then((seconds) => (ours = seconds), ignore),
    100,
  );
  const [status] = (await once(child, 'exit')) as [number | null];
  clearInterval(watch);
  if (status !== 0) throw new Error(`kernscale backtest ended with ${status}`);
  const seconds = (performance.now() - started) / 1000;
  return { seconds, ours, prometheus: (await cpuSeconds(prometheus.pid)) - before };
}

const folder = await mkdtemp(path.join(tmpdir(), 'kernscale-bench-'));
const prometheus = new PastPrometheus();
try {
  const rules = path.join(folder, 'rules.yaml');
  await writeFile(rules, RULES);
  await prometheus.start(fleetPast(workloads, START, START + days * DAY, SCRAPE_INTERVAL), (done) => {
    if (process.stderr.isTTY) process.stderr.write(`\rwriting the past: ${Math.round(done * 100)} % `);
  });
  const measured = await measure(prometheus, rules);
  const rounds = Math.floor((days * DAY) / SCRAPE_INTERVAL);
  if (values.json) console.log(JSON.stringify({ workloads, days, rounds, ...measured }));
  else {
    console.log(`${workloads} workloads, ${days} days, ${rounds} rounds: ${measured.seconds.toFixed(1)} s`);
    console.log(
      `CPU: kernscale ${measured.ours.toFixed(1)} s, Prometheus ${measured.prometheus.toFixed(1)} s`,
    );
  }
} finally {
  await prometheus.stop();
  await rm(folder, { recursive: true });
}

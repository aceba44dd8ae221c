import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExporterProcess } from '../kernel/exporter-process.js';
import { Sandbox } from '../kernel/harness.js';
import { row, type Row } from './scrape-rows.js';

/** What the project has set itself, for 500 containers. */
const GOALS = { scrapeMs: 50, blockedMs: 20, megabytes: 120, percentOfCore: 0.5 };
const SCRAPES = 20;
const SCRAPE_EVERY_S = 15;
const STEADY_SCRAPES = 4;
/** USER_HZ, which the kernel never shows in any other unit. */
const TICKS_PER_SECOND = 100;
/** Five times a second, and without a process for each. */
const WAKES_UP = 'exec 3<> <(:); while :; do read -t 0.2 -u 3; done';

/**
 * The exporter as it runs on a node: a process of its own, the real probes, and so many real cgroups with a process in
 * each that wakes up now and then. Takes a minute and a half; needs root.
 */
export async function exporterRows(count: number, progress: (text: string) => void): Promise<Row[]> {
  const sandbox = new Sandbox();
  const children: ChildProcess[] = [];
  const exporter = new ExporterProcess(['--source', 'host']);
  const pid = exporter.child.pid!;
  try {
    progress(`starting ${count} containers`);
    for (let i = 0; i < count; i++) {
      const { path } = sandbox.group(undefined, `bench-${i}.service`);
      const command = `echo $$ > ${path}/cgroup.procs; ${WAKES_UP}`;
      children.push(spawn('bash', ['-c', command], { stdio: 'ignore' }));
    }
    const url = await exporter.url();
    while ((await scrape(url)) < count) await sleep(200);
    progress(`scraping them ${SCRAPES} times`);
    const scrapes = await measureScrapes(url, pid);
    progress(`scraping them every ${SCRAPE_EVERY_S} s for ${STEADY_SCRAPES * SCRAPE_EVERY_S} s`);
    const percent = await steadyPercent(url, pid);
    const goal = (what: string, unit: string, ours: number, atMost: number) =>
      row(`exporter on ${count} containers: ${what}`, unit, ours, atMost, 'goal');
    return [
      goal(`one scrape, as the client sees it, best of ${SCRAPES}`, 'ms', scrapes.ms, GOALS.scrapeMs),
      goal('one scrape, CPU time', 'ms of CPU', scrapes.cpuMs, GOALS.scrapeMs),
      goal(
        `longest wait of another request meanwhile, best of ${SCRAPES}`,
        'ms',
        scrapes.waitMs,
        GOALS.blockedMs,
      ),
      goal('resident memory', 'MB', residentMegabytes(pid), GOALS.megabytes),
      goal('steady CPU', '% of a core', percent, GOALS.percentOfCore),
    ];
  } finally {
    await exporter.stop('SIGTERM');
    for (const child of children) child.kill('SIGKILL');
    await sandbox.dispose();
  }
}

/** @returns how many of our containers it exposed */
async function scrape(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return text.match(/^kernscale_container_info\{.*pod="bench-/gm)?.length ?? 0;
}

/** Of times, the best of many: what else runs on the machine only ever adds to them. */
async function measureScrapes(
  url: string,
  pid: number,
): Promise<{ ms: number; cpuMs: number; waitMs: number }> {
  const times: number[] = [];
  const before = cpuSeconds(pid);
  for (let i = 0; i < SCRAPES; i++) times.push(await timed(() => scrape(url)));
  const cpuMs = ((cpuSeconds(pid) - before) / SCRAPES) * 1000;
  const waits: number[] = [];
  for (let i = 0; i < SCRAPES; i++) waits.push(await longestWaitDuring(scrape(url), url));
  return { ms: Math.min(...times), cpuMs, waitMs: Math.min(...waits) };
}

async function longestWaitDuring(scraping: Promise<unknown>, url: string): Promise<number> {
  const state = { isOver: false };
  void scraping.finally(() => (state.isOver = true));
  let longest = 0;
  while (!state.isOver) {
    const wait = await timed(() => fetch(`${url}/-/healthy`).then((answer) => answer.text()));
    longest = Math.max(longest, wait);
  }
  await scraping;
  return longest;
}

async function steadyPercent(url: string, pid: number): Promise<number> {
  const before = cpuSeconds(pid);
  const start = performance.now();
  for (let i = 0; i < STEADY_SCRAPES; i++) {
    await scrape(url);
    await sleep(SCRAPE_EVERY_S * 1000);
  }
  return ((cpuSeconds(pid) - before) / ((performance.now() - start) / 1000)) * 100;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** utime and stime, fields 14 and 15 of proc_pid_stat(5); the second, which may hold spaces, ends with the last `)`. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function residentMegabytes(pid: number): number {
  return (Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024) / 1e6;
}

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExporterProcess } from '../kernel/exporter-process.js';
import { schedstat } from '../kernel/harness.js';
import { PodNode } from './pod-node.js';
import { row, type Row } from './scrape-rows.js';

/** The project's goals for 500 containers. */
const GOALS = { scrapeMs: 50, blockedMs: 20, megabytes: 120, percentOfCore: 0.5, idlePercent: 0.1 };
const SCRAPES = 20;
const SCRAPE_EVERY_S = 15;
/** The scrapes of an hour: V8 compiles during the first of them, which is no steady cost. */
const WARM_UP_SCRAPES = 240;
const STEADY_SCRAPES = 8;
const IDLE_S = 60;
/** By then V8 has collected the garbage of the start and keeps the heap's size (`keepHeap` in exporter/main.ts). */
const STARTED_S = 75;

/**
 * Measures the exporter as it runs in a pod: a process of its own with the real probes, on a node full of pods of one
 * container each. Takes five minutes; needs root.
 */
export async function exporterRows(count: number, progress: (text: string) => void): Promise<Row[]> {
  const node = new PodNode();
  let exporter: ExporterProcess | undefined;
  try {
    progress(`starting ${count} pods of one container`);
    await node.start(count);
    exporter = new ExporterProcess(['--kubernetes.node-name', 'bench'], node.inPod);
    const pid = exporter.child.pid!;
    const url = await exporter.url();
    const started = performance.now();
    while ((await scrape(url)) < count) await sleep(200);
    progress(`scraping them ${SCRAPES} times`);
    const scrapes = await measureScrapes(url, pid);
    progress(`scraping them ${WARM_UP_SCRAPES} times, as in an hour`);
    for (let i = 0; i < WARM_UP_SCRAPES; i++) await scrape(url);
    progress('waiting for the end of the start-up garbage collection');
    await sleep(STARTED_S * 1000 - (performance.now() - started));
    progress(`scraping them every ${SCRAPE_EVERY_S} s for ${STEADY_SCRAPES * SCRAPE_EVERY_S} s`);
    const percent = await percentOfCore(pid, () => scrapeSteadily(url));
    const megabytes = residentMegabytes(pid);
    progress(`not scraping for ${IDLE_S} s`);
    const idlePercent = await percentOfCore(pid, () => sleep(IDLE_S * 1000));
    const goal = (what: string, unit: string, ours: number, atMost: number) =>
      row(`exporter on ${count} pods of one container: ${what}`, unit, ours, atMost, 'goal');
    return [
      goal(`one scrape, client side, best of ${SCRAPES}`, 'ms', scrapes.ms, GOALS.scrapeMs),
      goal('one scrape, CPU time', 'ms of CPU', scrapes.cpuMs, GOALS.scrapeMs),
      goal(
        `longest delay of another request meanwhile, best of ${SCRAPES}`,
        'ms',
        scrapes.delayMs,
        GOALS.blockedMs,
      ),
      goal('resident memory', 'MB', megabytes, GOALS.megabytes),
      goal(`steady CPU at one scrape in ${SCRAPE_EVERY_S} s`, '% of a core', percent, GOALS.percentOfCore),
      goal('steady CPU without scrapes', '% of a core', idlePercent, GOALS.idlePercent),
    ];
  } finally {
    await exporter?.stop('SIGTERM');
    await node.dispose();
  }
}

/** Scrapes once and returns the number of the node's containers in the exposition. */
async function scrape(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return text.match(/^kernscale_container_info\{.*pod="bench-/gm)?.length ?? 0;
}

/** Returns the shortest of many times: other load on the machine only adds to them. */
async function measureScrapes(
  url: string,
  pid: number,
): Promise<{ ms: number; cpuMs: number; delayMs: number }> {
  const times: number[] = [];
  const before = schedstat(pid).oncpu;
  for (let i = 0; i < SCRAPES; i++) times.push(await timed(() => scrape(url)));
  const cpuMs = ((schedstat(pid).oncpu - before) / SCRAPES) * 1000;
  const delays: number[] = [];
  for (let i = 0; i < SCRAPES; i++) delays.push(await longestDelayDuring(scrape(url), url));
  return { ms: Math.min(...times), cpuMs, delayMs: Math.min(...delays) };
}

async function longestDelayDuring(scraping: Promise<unknown>, url: string): Promise<number> {
  const state = { isOver: false };
  void scraping.finally(() => (state.isOver = true));
  let longest = 0;
  while (!state.isOver) {
    const delay = await timed(() => fetch(`${url}/-/healthy`).then((response) => response.text()));
    longest = Math.max(longest, delay);
  }
  await scraping;
  return longest;
}

async function scrapeSteadily(url: string): Promise<void> {
  for (let i = 0; i < STEADY_SCRAPES; i++) {
    await scrape(url);
    await sleep(SCRAPE_EVERY_S * 1000);
  }
}

async function percentOfCore(pid: number, work: () => Promise<unknown>): Promise<number> {
  const before = schedstat(pid).oncpu;
  const milliseconds = await timed(work);
  return ((schedstat(pid).oncpu - before) / (milliseconds / 1000)) * 100;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function residentMegabytes(pid: number): number {
  return (Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024) / 1e6;
}

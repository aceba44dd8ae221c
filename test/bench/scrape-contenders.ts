import { spawnSync } from 'node:child_process';
import { STATES, type State } from 'bpf-linker-napi';
import { SeriesLimiter } from '../../exporter/series/limit.js';
import type { Format } from '../../exporter/exposition/format.js';
import type { ContainerSeries } from '../../exporter/series/counters.js';
import { renderContainers } from '../../exporter/series/render.js';
import { busyCounters, DETAILED, identity, record, resultOf } from '../unit/exporter/fixtures.js';
import { promClientRegistry } from './prom-client-peer.js';
import { median } from './scrape-rows.js';

/** Scrapes until all code is compiled, as in an exporter that has run for a quarter of an hour. */
const WARM_UP = 60;
const ROUNDS = 31;

/** A busy node and its exposition. */
export interface Subject {
  readonly containers: readonly ContainerSeries[];
  readonly detail: boolean;
  readonly limiter: SeriesLimiter;
}

export function subject(count: number, detail: boolean): Subject {
  const containers = Array.from({ length: count }, (_, index) => ({
    identity: identity({ pod: `checkout-6d4cf56db6-${index.toString(36).padStart(5, '0')}` }),
    counters: { ...busyCounters(index + 1), stateSeconds: nanoseconds(index + 1) },
    live: true,
  }));
  return { containers, detail, limiter: new SeriesLimiter() };
}

/** Seconds with as many digits as the kernel's. */
function nanoseconds(slot: number): Record<State, number> {
  return record(STATES, (_, index) => ((slot + index) * 12_345_678_901) / 1e9);
}

export function seriesOf({ containers, detail, limiter }: Subject): readonly ContainerSeries[] {
  return detail ? containers : resultOf(limiter.limit(containers, performance.now() / 1000));
}

export function* scrape({ containers, detail, limiter }: Subject, format: Format): Generator<Uint8Array> {
  const exposed = detail ? containers : yield* limiter.limit(containers, performance.now() / 1000);
  yield* renderContainers(exposed, { ...DETAILED, detail }, format);
}

/**
 * `text` and `protobuf` are ours; `peer` is prom-client with samples made from the counters; `prepared` is prom-client
 * with samples made in advance, its lower bound.
 */
export const CONTENDERS = ['text', 'protobuf', 'peer', 'prepared'] as const;
export type Contender = (typeof CONTENDERS)[number];

/** Cost of one scrape in a process that does nothing else. */
export interface Cost {
  /** CPU time of all threads, garbage collection included. */
  readonly cpuMs: number;
  /** Longest time that the event loop is blocked. */
  readonly blockedMs: number;
  readonly peakMegabytes: number;
}

/** Measures one contender in a process of its own, free of the others' garbage. */
export function measureApart(script: string, contender: Contender, count: number, detail: boolean): Cost {
  const flags = ['--contender', contender, '--containers', String(count), ...(detail ? ['--detail'] : [])];
  const argv = [...process.execArgv, script, ...flags];
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Cost;
}

export async function measure(contender: Contender, node: Subject): Promise<Cost> {
  const render = renderer(contender, node);
  const costs: Turns[] = [];
  for (let round = 0; round < WARM_UP + ROUNDS; round++) costs.push(await timed(render));
  const counted = costs.slice(WARM_UP);
  return {
    cpuMs: median(counted.map((one) => one.cpuMs)),
    blockedMs: median(counted.map((one) => one.blockedMs)),
    peakMegabytes: process.resourceUsage().maxRSS / 1000,
  };
}

type Render = () => Iterable<unknown> | Promise<unknown>;

function renderer(contender: Contender, node: Subject): Render {
  if (contender === 'text' || contender === 'protobuf') return () => scrape(node, contender);
  const series = seriesOf(node);
  if (contender === 'peer') return () => promClientRegistry(series, node.detail).metrics();
  const registry = promClientRegistry(series, node.detail);
  return () => registry.metrics();
}

type Turns = Pick<Cost, 'cpuMs' | 'blockedMs'>;

/** Measures the whole rendering and its longest piece; other work runs between pieces. */
async function timed(render: Render): Promise<Turns> {
  const start = cpuMs();
  let last = start;
  let blockedMs = 0;
  const turn = () => {
    const now = cpuMs();
    blockedMs = Math.max(blockedMs, now - last);
    last = now;
  };
  const rendered = render();
  if (rendered instanceof Promise) await rendered;
  else {
    const pieces = rendered[Symbol.iterator]();
    while (pieces.next().done !== true) turn();
  }
  turn();
  return { cpuMs: cpuMs() - start, blockedMs };
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

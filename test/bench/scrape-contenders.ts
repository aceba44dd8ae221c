import { spawnSync } from 'node:child_process';
import { STATES, type State } from 'bpf-linker-napi';
import { SeriesLimiter } from '../../exporter/series/limit.js';
import type { Format } from '../../exporter/exposition/format.js';
import type { ContainerSeries } from '../../exporter/series/families.js';
import { renderContainers } from '../../exporter/series/render.js';
import { busyCounters, DETAILED, identity, record, resultOf } from '../unit/exporter/fixtures.js';
import { promClientRegistry } from './prom-client-peer.js';
import { median } from './scrape-rows.js';

/** Scrapes after which all code is compiled, as in an exporter that has run for a quarter of an hour, and what counts. */
const WARM_UP = 60;
const ROUNDS = 31;

/** A busy node, and how it is exposed. */
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

/** Seconds with as many digits as the kernel's have. */
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
 * Who renders: we do; prom-client from the counters, as we do; or prom-client from samples that are ready-made, which is
 * what it takes at the very least.
 */
export const CONTENDERS = ['text', 'protobuf', 'peer', 'readyMade'] as const;
export type Contender = (typeof CONTENDERS)[number];

/** Of one scrape, in a process that does nothing else. */
export interface Cost {
  /** Of all threads, so the collection of garbage is in it. */
  readonly cpuMs: number;
  /** The longest time in which nothing else of the process gets its turn. */
  readonly blockedMs: number;
  readonly peakMegabytes: number;
}

/** Runs the bench's own script for the cost of one contender, whose garbage must not be the others'. */
export function measureApart(script: string, who: Contender, count: number, detail: boolean): Cost {
  const flags = ['--contender', who, '--containers', String(count), ...(detail ? ['--detail'] : [])];
  const argv = [...process.execArgv, script, ...flags];
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Cost;
}

export async function measure(who: Contender, node: Subject): Promise<Cost> {
  const render = renderer(who, node);
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

function renderer(who: Contender, node: Subject): Render {
  if (who === 'text' || who === 'protobuf') return () => scrape(node, who);
  const series = seriesOf(node);
  if (who === 'peer') return () => promClientRegistry(series, node.detail).metrics();
  const registry = promClientRegistry(series, node.detail);
  return () => registry.metrics();
}

type Turns = Pick<Cost, 'cpuMs' | 'blockedMs'>;

/** What it takes, and the most that one piece of it takes, between which other work gets its turn. */
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

/**
 * What one scrape costs, next to prom-client rendering the same samples: `npm run bench:scrape [-- --json]`.
 *
 * Every container is busy in every way, with two peers and one device: the worst case, not the usual one. `--detail`
 * asks for all there is (`--histograms.detail`), in place of at most 80 lines per container. Both take
 * turns, and medians are compared. Time is CPU time, so that a busy machine does not spoil the figures. Ours begins at
 * the kernel's counters; prom-client does so as well, or finds its samples ready-made: what it takes at the very least.
 * At the end the exporter itself is watched on a node of 500 pods, next to the goals; that needs root.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { constants, gzipSync } from 'node:zlib';
import { STATES, type State } from 'bpf-linker-napi';
import { flag } from '../../common/flags.js';
import { runMain } from '../../common/main.js';
import type { ContainerSeries } from '../../exporter/families.js';
import type { Format } from '../../exporter/exposition.js';
import { renderContainers } from '../../exporter/render.js';
import { Condenser } from '../../exporter/condense.js';
import { BOUNDS, busyCounters, DETAILED, identity, record, resultOf } from '../unit/exporter-fixtures.js';
import { benchFlags, positive } from './flags.js';
import { promClientRegistry } from './prom-client-peer.js';
import { exporterRows } from './scrape-exporter.js';
import { median, row, type Row } from './scrape-rows.js';

const CONTAINERS = [110, 500];
const ROUNDS = 9;
const PEER = 'prom-client 15';

function busyContainers(count: number): ContainerSeries[] {
  return Array.from({ length: count }, (_, index) => ({
    identity: identity({ pod: `checkout-6d4cf56db6-${index.toString(36).padStart(5, '0')}` }),
    counters: { ...busyCounters(index + 1), stateSeconds: nanoseconds(index + 1) },
    live: true,
  }));
}

/** Seconds with as many digits as the kernel's have. */
function nanoseconds(slot: number): Record<State, number> {
  return record(STATES, (_, index) => ((slot + index) * 12_345_678_901) / 1e9);
}

/** A busy node, and how it is exposed. */
interface Subject {
  readonly containers: readonly ContainerSeries[];
  readonly detail: boolean;
  readonly condenser: Condenser;
}

function subject(count: number, detail: boolean): Subject {
  return { containers: busyContainers(count), detail, condenser: new Condenser() };
}

function seriesOf({ containers, detail, condenser }: Subject): readonly ContainerSeries[] {
  return detail ? containers : resultOf(condenser.condense(containers, performance.now() / 1000));
}

function* scrape({ containers, detail, condenser }: Subject, format: Format): Generator<Uint8Array> {
  const exposed = detail ? containers : yield* condenser.condense(containers, performance.now() / 1000);
  yield* renderContainers(exposed, { ...DETAILED, detail }, format);
}

function text(node: Subject): string {
  return Buffer.concat([...scrape(node, 'text')]).toString();
}

interface Cost {
  readonly cpuMs: number;
  /** The longest time in which nothing else of the process gets its turn. */
  readonly blockedMs: number;
}

/** What it takes, and the most that one piece of it takes, between which other work gets its turn. */
async function cost(pieces: Iterable<unknown> | (() => Promise<unknown>)): Promise<Cost> {
  const start = cpuMs();
  let last = start;
  let blockedMs = 0;
  const turn = () => {
    const now = cpuMs();
    blockedMs = Math.max(blockedMs, now - last);
    last = now;
  };
  if (typeof pieces === 'function') {
    await pieces();
    turn();
  } else {
    const iterator = pieces[Symbol.iterator]();
    while (iterator.next().done !== true) turn();
  }
  return { cpuMs: cpuMs() - start, blockedMs };
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function times(count: number, node: Subject): Promise<Row[]> {
  const series = seriesOf(node);
  const registry = promClientRegistry(series, node.detail);
  assertSameLines(text(node), await registry.metrics());
  const costs: Record<'text' | 'protobuf' | 'peer' | 'readyMade', Cost[]> = {
    text: [],
    protobuf: [],
    peer: [],
    readyMade: [],
  };
  for (let round = 0; round < ROUNDS; round++) {
    costs.text.push(await cost(scrape(node, 'text')));
    costs.peer.push(await cost(() => promClientRegistry(series, node.detail).metrics()));
    costs.readyMade.push(await cost(() => registry.metrics()));
    costs.protobuf.push(await cost(scrape(node, 'protobuf')));
  }
  const of = (who: keyof typeof costs, what: keyof Cost) => median(costs[who].map((one) => one[what]));
  const containers = `${count} containers`;
  return [
    row(`text, ${containers}`, 'ms of CPU', of('text', 'cpuMs'), of('peer', 'cpuMs'), PEER),
    row(
      `text, ${containers}`,
      'ms of CPU',
      of('text', 'cpuMs'),
      of('readyMade', 'cpuMs'),
      `${PEER}, samples ready-made`,
    ),
    row(
      `protobuf, ${containers}`,
      'ms of CPU',
      of('protobuf', 'cpuMs'),
      of('peer', 'cpuMs'),
      `${PEER}, text`,
    ),
    row(
      `event loop blocked, ${containers}`,
      'ms',
      of('text', 'blockedMs'),
      of('readyMade', 'blockedMs'),
      PEER,
    ),
  ];
}

/** The comparison is of the same work: but for the order of labels and lines, both say the same. */
function assertSameLines(ours: string, theirs: string): void {
  const lines = (exposition: string) =>
    exposition
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.replace(/\{(le="[^"]*"),(.*)\}/, '{$2,$1}'))
      .sort();
  assert.deepStrictEqual(lines(ours), lines(theirs));
}

function sizes(count: number, node: Subject): Row[] {
  const lines = text(node);
  const messages = Buffer.concat([...scrape(node, 'protobuf')]);
  const gzipped = (body: string | Buffer) => gzipSync(body, { level: constants.Z_BEST_SPEED }).length;
  const containers = `${count} containers`;
  return [
    row(
      `size as protobuf, ${containers}`,
      'MB',
      messages.length / 1e6,
      Buffer.byteLength(lines) / 1e6,
      'text',
    ),
    row(
      `size as gzipped protobuf, ${containers}`,
      'MB',
      gzipped(messages) / 1e6,
      gzipped(lines) / 1e6,
      'text',
    ),
  ];
}

/** Series that Prometheus keeps of the histograms: one of a native histogram, one a line of a classic one. */
function seriesOfHistograms(count: number, node: Subject): Row[] {
  const condensed = text(node);
  const detailed = text({ ...node, detail: true });
  const linesIn = (exposition: string, suffix: string) =>
    exposition.match(new RegExp(`^kernscale_\\w+(${suffix})\\{`, 'gm'))?.length ?? 0;
  const native = (exposition: string) => linesIn(exposition, '_count');
  const classic = (exposition: string) => linesIn(exposition, '_bucket|_sum|_count');
  // Besides its finite bounds, a classic histogram has +Inf, sum and count.
  const everyBound =
    linesIn(detailed, '_seconds_count') * (BOUNDS.seconds.length + 3) +
    linesIn(detailed, '_bytes_count') * (BOUNDS.bytes.length + 3);
  const compare = (ours: number, theirs: number, bounds: string) =>
    row(`series as native histograms, ${count} containers`, 'series', ours, theirs, `classic, ${bounds}`);
  return [
    compare(native(condensed), classic(condensed), 'the few bounds of the 80 lines'),
    compare(native(detailed), classic(detailed), 'every second bound of the native ones'),
    compare(native(detailed), everyBound, 'the same bounds as the native ones'),
  ];
}

/** The most memory that a process of its own takes which does nothing but render. */
function peakMegabytes(who: 'ours' | 'peer', count: number, detail: boolean): number {
  const script = fileURLToPath(import.meta.url);
  const argv = [
    ...process.execArgv,
    script,
    '--memory',
    who,
    '--containers',
    String(count),
    ...(detail ? ['--detail'] : []),
  ];
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return Number(stdout);
}

async function renderForMemory(who: string, count: number, detail: boolean): Promise<void> {
  const node = subject(count, detail);
  for (let round = 0; round < ROUNDS; round++) {
    // Fresh samples for each scrape, as an exporter has them; ours goes to the socket piece by piece.
    if (who === 'peer') await promClientRegistry(seriesOf(node), detail).metrics();
    else await cost(scrape(node, 'text'));
  }
  process.stdout.write(String(process.resourceUsage().maxRSS / 1000));
}

/** How the bench runs itself, for the memory of a process that renders and does nothing else. */
interface Options {
  readonly detail?: boolean;
  readonly memory?: string;
  readonly containers?: number;
}

async function main(argv: readonly string[]): Promise<number> {
  const options = benchFlags<Options>(
    'scrape',
    'Measures what one scrape costs, next to prom-client.',
    argv,
    [
      flag('--detail', 'Ask for all there is, as with --histograms.detail'),
      flag('--memory <who>', '').hideHelp(),
      flag('--containers <n>', '', undefined, positive).hideHelp(),
    ],
  );
  if (!options) return 0;
  const { json, detail = false, memory, containers } = options;
  if (memory !== undefined) {
    await renderForMemory(memory, containers!, detail);
    return 0;
  }
  const rows: Row[] = [];
  for (const count of CONTAINERS) {
    const node = subject(count, detail);
    const [ours, peer] = [peakMegabytes('ours', count, detail), peakMegabytes('peer', count, detail)];
    rows.push(...(await times(count, node)), ...sizes(count, node), ...seriesOfHistograms(count, node));
    rows.push(row(`peak memory of the process, ${count} containers`, 'MB', ours, peer, PEER));
  }
  rows.push(
    ...(await exporterRows(CONTAINERS.at(-1)!, (text) => process.stderr.write(`bench: ${text} …\n`))),
  );
  if (json) process.stdout.write(`${JSON.stringify({ name: 'scrape', rows })}\n`);
  else console.table(rows);
  return 0;
}

await runMain('bench:scrape', main);

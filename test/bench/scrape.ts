/**
 * Compares the cost of one scrape with prom-client rendering the same samples: `npm run bench:scrape [-- --json]`.
 *
 * Every container has every kind of counter, two peers and one device: the worst case. `--detail` exports everything
 * (`--histograms.detail`) instead of at most 128 lines per container. Each contender has a process of its own, and
 * medians are compared. Time is CPU time, so that other load does not distort the figures. The last rows compare the
 * exporter on a node of 500 pods with its goals; that needs root.
 */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { constants, gzipSync } from 'node:zlib';
import { flag } from '../../common/flags.js';
import { runMain } from '../../common/main.js';
import { BOUNDS } from '../unit/exporter/fixtures.js';
import { benchFlags, positive } from './flags.js';
import { promClientRegistry } from './prom-client-peer.js';
import {
  CONTENDERS,
  measure,
  measureApart,
  scrape,
  seriesOf,
  subject,
  type Contender,
  type Cost,
  type Subject,
} from './scrape-contenders.js';
import { exporterRows } from './scrape-exporter.js';
import { row, type Row } from './scrape-rows.js';

const CONTAINERS = [110, 500];
const PEER = 'prom-client 15';

function text(node: Subject): string {
  return Array.from(scrape(node, 'text'), (piece) => Buffer.from(piece).toString()).join('');
}

async function timeRows(count: number, node: Subject): Promise<Row[]> {
  assertSameLines(text(node), await promClientRegistry(seriesOf(node), node.detail).metrics());
  const [ours, protobuf, peer, prepared] = CONTENDERS.map((contender) =>
    measureApart(fileURLToPath(import.meta.url), contender, count, node.detail),
  ) as [Cost, Cost, Cost, Cost];
  const containers = `${count} containers`;
  const preparedPeer = `${PEER}, samples prepared`;
  return [
    row(`text, ${containers}`, 'ms of CPU', ours.cpuMs, peer.cpuMs, PEER),
    row(`text, ${containers}`, 'ms of CPU', ours.cpuMs, prepared.cpuMs, preparedPeer),
    row(`protobuf, ${containers}`, 'ms of CPU', protobuf.cpuMs, peer.cpuMs, `${PEER}, text`),
    row(`event loop blocked, ${containers}`, 'ms', ours.blockedMs, prepared.blockedMs, PEER),
    row(`peak memory of the process, ${containers}`, 'MB', ours.peakMegabytes, peer.peakMegabytes, PEER),
  ];
}

/** Asserts that both render the same samples, regardless of the order of labels and lines. */
function assertSameLines(ours: string, theirs: string): void {
  const lines = (exposition: string) =>
    exposition
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.replace(/\{(le="[^"]*"),(.*)\}/, '{$2,$1}'))
      .sort();
  assert.deepStrictEqual(lines(ours), lines(theirs));
}

function sizeRows(count: number, node: Subject): Row[] {
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

/** Series that Prometheus stores for the histograms: one per native histogram, one per line of a classic one. */
function seriesRows(count: number, node: Subject): Row[] {
  const limited = text(node);
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
    compare(native(limited), classic(limited), 'the few bounds of the 128 lines'),
    compare(native(detailed), classic(detailed), 'every second bound of the native ones'),
    compare(native(detailed), everyBound, 'the same bounds as the native ones'),
  ];
}

/** The hidden flags are those of the process that measures one contender. */
interface Options {
  readonly detail?: boolean;
  readonly contender?: Contender;
  readonly containers?: number;
}

async function main(argv: readonly string[]): Promise<number> {
  const options = benchFlags<Options>('scrape', 'Compares the cost of one scrape with prom-client.', argv, [
    flag('--detail', 'Export everything, as with --histograms.detail'),
    flag('--contender <name>', '').hideHelp(),
    flag('--containers <n>', '', undefined, positive).hideHelp(),
  ]);
  if (!options) return 0;
  const { json, detail = false, contender, containers } = options;
  if (contender !== undefined) {
    process.stdout.write(JSON.stringify(await measure(contender, subject(containers!, detail))));
    return 0;
  }
  const rows: Row[] = [];
  for (const count of CONTAINERS) {
    const node = subject(count, detail);
    rows.push(...(await timeRows(count, node)), ...sizeRows(count, node), ...seriesRows(count, node));
  }
  rows.push(
    ...(await exporterRows(CONTAINERS.at(-1)!, (text) => process.stderr.write(`bench: ${text} …\n`))),
  );
  if (json) process.stdout.write(`${JSON.stringify({ name: 'scrape', rows })}\n`);
  else console.table(rows);
  return 0;
}

await runMain('bench:scrape', main);

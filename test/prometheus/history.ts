import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { PROMETHEUS, PROMTOOL } from '../../sandbox/paths.js';
import { reservePort, type Reservation } from '../../sandbox/loop/ports.js';

const run = promisify(execFile);
const READY_TIMEOUT_MS = 60_000;
/**
 * The length of the blocks into which Prometheus has compacted what is older than a day, so that it does not begin to
 * once it has started. Promtool reads a file once for each block that it covers.
 */
const BLOCK_HOURS = 18;
const BLOCK_SECONDS = BLOCK_HOURS * 3600;

/** A series of a made-up past. */
export interface PastSeries {
  readonly metric: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Undefined: not scraped then. @param at seconds since the epoch */
  readonly value: (at: number) => number | undefined;
}

export interface Past {
  /** Seconds since the epoch. */
  readonly from: number;
  readonly to: number;
  /** Seconds between two scrapes. */
  readonly scrapeInterval: number;
  readonly series: readonly PastSeries[];
}

/** A real Prometheus that scrapes nothing and has the past it was given. */
export class PastPrometheus {
  url = '';
  #folder = '';
  #process: ChildProcess | undefined;
  #reservation: Reservation | undefined;

  get pid(): number {
    return this.#process!.pid!;
  }

  /** @param onBlock told how much of the past is written, 0..1 */
  async start(past: Past, onBlock: (done: number) => void = () => undefined): Promise<void> {
    this.#folder = await mkdtemp(path.join(tmpdir(), 'kernscale-past-'));
    const data = path.join(this.#folder, 'data');
    for (let from = past.from; from < past.to;) {
      const to = Math.min(past.to, (Math.floor(from / BLOCK_SECONDS) + 1) * BLOCK_SECONDS);
      await this.#writeBlock({ ...past, from, to }, data);
      onBlock((to - past.from) / (past.to - past.from));
      from = to;
    }
    await writeFile(path.join(this.#folder, 'prometheus.yml'), '');
    this.#reservation = await reservePort(19_190);
    this.url = `http://127.0.0.1:${this.#reservation.port}`;
    this.#process = spawn(
      PROMETHEUS,
      [
        `--config.file=${this.#folder}/prometheus.yml`,
        `--storage.tsdb.path=${data}`,
        `--web.listen-address=127.0.0.1:${this.#reservation.port}`,
      ],
      { stdio: 'ignore' },
    );
    await this.#untilReady();
  }

  async stop(): Promise<void> {
    if (this.#process?.exitCode === null) {
      this.#process.kill('SIGKILL');
      await once(this.#process, 'exit');
    }
    await this.#reservation?.release();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #writeBlock(past: Past, data: string): Promise<void> {
    const file = path.join(this.#folder, 'samples.txt');
    const out = createWriteStream(file);
    for (const lines of openMetrics(past)) if (!out.write(lines)) await once(out, 'drain');
    out.end('# EOF\n');
    await once(out, 'finish');
    const length = `--max-block-duration=${BLOCK_HOURS}h`;
    await run(PROMTOOL, ['tsdb', 'create-blocks-from', length, 'openmetrics', '--quiet', file, data]);
    await rm(file);
  }

  async #untilReady(): Promise<void> {
    const deadline = performance.now() + READY_TIMEOUT_MS;
    for (;;) {
      const response = await fetch(`${this.url}/-/ready`).catch(() => undefined);
      if (response?.ok) return;
      if (performance.now() > deadline) throw new Error('Prometheus did not become ready');
      await sleep(50);
    }
  }
}

/** The samples of each series in turn, as OpenMetrics text. */
function* openMetrics({ from, to, scrapeInterval, series }: Past): Iterable<string> {
  for (const { metric, labels, value } of series) {
    const quoted = Object.entries(labels).map(([name, text]) => `${name}=${JSON.stringify(text)}`);
    const name = `${metric}{${quoted.join(',')}}`;
    const lines: string[] = [];
    for (let at = Math.ceil(from / scrapeInterval) * scrapeInterval; at < to; at += scrapeInterval) {
      const sample = value(at);
      if (sample !== undefined) lines.push(`${name} ${sample} ${at}\n`);
    }
    yield lines.join('');
  }
}

/** Real Prometheus servers for tests: one that holds a given past, and one that scrapes. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { reservePort, type Reservation } from '../../sandbox/loop/ports.js';
import { start, untilReady, type Program, type Running } from '../../sandbox/loop/process.js';
import { PROMETHEUS, PROMTOOL } from '../../sandbox/paths.js';

const run = promisify(execFile);
const READY_TIMEOUT_MS = 60_000;
/**
 * Length of blocks that Prometheus does not compact further, so that no compaction begins after its start. Promtool
 * reads a file once for each block that it covers.
 */
const BLOCK_HOURS = 18;
const BLOCK_SECONDS = BLOCK_HOURS * 3600;

/** Describes a Prometheus whose configuration, data and log are in one folder. */
export function prometheusProgram(folder: string, port: number, flags: readonly string[] = []): Program {
  return {
    name: 'Prometheus',
    command: PROMETHEUS,
    args: [
      `--config.file=${path.join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${dataOf(folder)}`,
      `--web.listen-address=127.0.0.1:${port}`,
      ...flags,
    ],
    logFile: path.join(folder, 'prometheus.log'),
    readyUrl: `http://127.0.0.1:${port}/-/ready`,
  };
}

function dataOf(folder: string): string {
  return path.join(folder, 'data');
}

/** A Prometheus in a temporary folder of its own. */
class TemporaryPrometheus {
  url = '';
  #folder: string | undefined;
  #running: Running | undefined;
  #reservation: Reservation | undefined;

  /** Created on first use, because a suite without a selected test runs no `after` to remove it. */
  protected get folder(): string {
    return (this.#folder ??= mkdtempSync(path.join(tmpdir(), 'kernscale-prometheus-')));
  }

  get pid(): number {
    return this.#running!.pid;
  }

  protected async launch(config: object, flags: readonly string[] = []): Promise<void> {
    writeFileSync(path.join(this.folder, 'prometheus.yml'), JSON.stringify(config));
    this.#reservation = await reservePort(19_190);
    const { port } = this.#reservation;
    this.url = `http://127.0.0.1:${port}`;
    const program = prometheusProgram(this.folder, port, flags);
    this.#running = start(program);
    await untilReady(program, this.#running, AbortSignal.timeout(READY_TIMEOUT_MS));
  }

  async stop(): Promise<void> {
    await this.#running?.stop(0);
    await this.#reservation?.release();
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true });
  }
}

export type Labels = Readonly<Record<string, string>>;

/** A generated series. */
export interface PastSeries {
  readonly metric: string;
  readonly labels: Labels;
  /** Undefined while the series is not scraped. @param at seconds since the epoch */
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

/** A Prometheus that scrapes nothing and holds a given past. */
export class PastPrometheus extends TemporaryPrometheus {
  /** @param onBlock receives the fraction of the past that is written, 0..1 */
  async start(past: Past, onBlock: (done: number) => void = () => undefined): Promise<void> {
    for (let from = past.from; from < past.to;) {
      const to = Math.min(past.to, (Math.floor(from / BLOCK_SECONDS) + 1) * BLOCK_SECONDS);
      await this.#writeBlock({ ...past, from, to });
      onBlock((to - past.from) / (past.to - past.from));
      from = to;
    }
    await this.launch({});
  }

  async #writeBlock(past: Past): Promise<void> {
    const file = path.join(this.folder, 'samples.txt');
    const out = createWriteStream(file);
    for (const lines of openMetrics(past)) if (!out.write(lines)) await once(out, 'drain');
    out.end('# EOF\n');
    await once(out, 'finish');
    const length = `--max-block-duration=${BLOCK_HOURS}h`;
    const create = ['tsdb', 'create-blocks-from', length, 'openmetrics', '--quiet'];
    await run(PROMTOOL, [...create, file, dataOf(this.folder)]);
    await rm(file);
  }
}

/** Yields the samples of each series as OpenMetrics text. */
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

/** A Prometheus that scrapes once a second. A scrape may take as long: a loaded machine needs a part of it. */
export class ScrapingPrometheus extends TemporaryPrometheus {
  async start(scrape_configs: readonly object[], ...flags: readonly string[]): Promise<void> {
    await this.launch({ global: { scrape_interval: '1s', scrape_timeout: '1s' }, scrape_configs }, flags);
  }

  /**
   * Returns the samples of an instant vector; none while Prometheus does not respond.
   *
   * @param at seconds since the epoch; now by default
   */
  async query(expression: string, at?: number): Promise<(readonly [labels: Labels, value: number])[]> {
    const time = at === undefined ? {} : { time: String(at) };
    const parameters = new URLSearchParams({ query: expression, ...time }).toString();
    const response = await fetch(`${this.url}/api/v1/query?${parameters}`).catch(() => undefined);
    if (response?.status !== 200) return [];
    const { data } = (await response.json()) as {
      data: { result: { metric: Labels; value: [number, string] }[] };
    };
    return data.result.map(({ metric, value }) => [metric, Number(value[1])]);
  }
}

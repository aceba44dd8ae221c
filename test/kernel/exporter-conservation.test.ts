import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { buildTruth, cgroupRoot, removeCgroup, requireKernel } from './harness.js';

const MAIN = fileURLToPath(new URL('../../dist/exporter/main.js', import.meta.url));
const LIVES = path.join(import.meta.dirname, 'build', 'lives');
const SECONDS = 5;
const SCRAPE_EVERY_MS = 100;

/** Counters of one scrape by series. */
interface Scrape {
  /** Middle of the scrape, in seconds. */
  readonly at: number;
  readonly counters: ReadonlyMap<string, number>;
}

async function scrape(url: string): Promise<Scrape> {
  const start = performance.now();
  const text = await (await fetch(`${url}/metrics`)).text();
  const at = (start + performance.now()) / 2000;
  const lines = text.split('\n').filter((line) => /^kernscale_\w+_(total|bucket|count|sum)\{/.test(line));
  return { at, counters: new Map(lines.map(splitLine)) };
}

function splitLine(line: string): [string, number] {
  const end = line.lastIndexOf(' ');
  return [line.slice(0, end), Number(line.slice(end + 1))];
}

/** Thread-seconds of the unit in all states. */
function threadSeconds({ counters }: Scrape): number {
  const ofUnit = /^kernscale_state_seconds_total\{.*pod="lives\.service"/;
  return [...counters].reduce((sum, [series, value]) => sum + (ofUnit.test(series) ? value : 0), 0);
}

describe('conservation of thread time at /metrics', function () {
  this.timeout(60_000);
  const root = path.join(cgroupRoot(), `kernscale-test-${process.pid}-conservation`);
  const directories = [root, path.join(root, 'system.slice'), path.join(root, 'system.slice/lives.service')];
  const children: ChildProcess[] = [];

  before(function () {
    requireKernel(() => {
      this.skip();
    });
    buildTruth();
    for (const directory of directories) mkdirSync(directory);
  });

  after(async () => {
    for (const child of children) child.kill('SIGKILL');
    for (const directory of [...directories].reverse()) await removeCgroup(directory);
  });

  async function startExporter(): Promise<string> {
    const child = spawn(process.execPath, [
      MAIN,
      ...['--source', 'host', '--web.listen-address', '127.0.0.1:0'],
    ]);
    children.push(child);
    return new Promise((resolve, reject) => {
      createInterface({ input: child.stderr }).on('line', (line) => {
        const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line);
        if (url) resolve(url[0]);
      });
      child.once('exit', () => {
        reject(new Error('the exporter ended'));
      });
    });
  }

  /** Starts threads of random lifetimes, which print the sum at the end. */
  function startLives(): { child: ChildProcess; line: () => Promise<string> } {
    const enter = `echo $$ > ${directories.at(-1)!}/cgroup.procs && exec ${LIVES} ${SECONDS} 11`;
    const child = spawn('sh', ['-c', enter]);
    children.push(child);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return { child, line: async () => (await lines.next()).value as string };
  }

  it('holds for random lives under frequent scrapes, and no counter decreases', async () => {
    const url = await startExporter();
    const { child, line } = startLives();
    await line();
    let first = await scrape(url);
    for (let tries = 0; threadSeconds(first) === 0 && tries < 100; tries++) {
      await sleep(SCRAPE_EVERY_MS);
      first = await scrape(url);
    }
    child.stdin!.write('go\n');
    let result: string | undefined;
    void line().then((text) => (result = text));
    let last = first;
    while (result === undefined) {
      await sleep(SCRAPE_EVERY_MS);
      const next = await scrape(url);
      for (const [series, value] of last.counters)
        if (series.includes('lives.service')) expect(next.counters.get(series), series).to.be.at.least(value);
      last = next;
    }
    last = await scrape(url);
    const lived = Number(result.slice('lived '.length));
    const truth = last.at - first.at + lived; // the main thread lives all the time
    expect((threadSeconds(last) - threadSeconds(first)) / truth, `truth ${truth.toFixed(3)}`).to.be.closeTo(
      1,
      0.01,
    );
    child.stdin!.end('end\n');
    await once(child, 'exit');
  });
});

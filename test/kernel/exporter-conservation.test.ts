import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';

import { eventually } from '../eventually.js';
import { ExporterProcess } from './exporter-process.js';
import { buildTruth, requireKernel, Sandbox } from './harness.js';

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
  let sandbox: Sandbox | undefined;
  let exporter: ExporterProcess | undefined;

  before(function () {
    requireKernel(() => {
      this.skip();
    });
    buildTruth();
  });
  after(async () => {
    await exporter?.stop('SIGKILL');
    await sandbox?.dispose();
  });

  it('holds for threads with random lifetimes under frequent scrapes; no counter decreases', async () => {
    sandbox = new Sandbox();
    exporter = new ExporterProcess(['--source', 'host']);
    const url = await exporter.url();
    sandbox.group(undefined, 'system.slice');
    const unit = sandbox.group(undefined, 'system.slice/lives.service');
    const workload = await unit.run('lives', [String(SECONDS), '11']);
    let first = await scrape(url);
    await eventually('the unit is exported', async () => {
      first = await scrape(url);
      return threadSeconds(first) > 0;
    });
    workload.send('go');
    let result: string | undefined;
    void workload.line().then((line) => (result = line));
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
  });
});

import { existsSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';

import { eventually } from '../eventually.js';
import { ExporterProcess } from './exporter-process.js';
import { requireKernel, Sandbox } from './harness.js';

const WINDOWS = 4;
const CONTAINERS_PER_WINDOW = 130;
/** Number of containers alive at the same time. */
const ALIVE = 20;
/** Collects garbage continuously, so that the heap holds only what is in use. */
const COLLECT = `import v8 from 'node:v8'; import vm from 'node:vm'; v8.setFlagsFromString('--expose-gc');
  setInterval(vm.runInNewContext('gc'), 250).unref();`;
const COLLECTING = ['env', `NODE_OPTIONS=--import=data:text/javascript,${encodeURIComponent(COLLECT)}`];
const ACCEPTED = [
  'text/plain;version=0.0.4',
  'application/openmetrics-text;version=1.0.0',
  'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited',
];

describe('the exporter in the long run', function () {
  this.timeout(120_000);
  let sandbox: Sandbox;
  let exporter: ExporterProcess;
  let made: string[];

  before(function () {
    requireKernel(() => {
      this.skip();
    });
  });
  beforeEach(() => {
    sandbox = new Sandbox();
    made = [];
  });
  afterEach(async () => {
    await exporter.stop('SIGKILL');
    for (const cgroup of made) if (existsSync(cgroup)) rmdirSync(cgroup);
    await sandbox.dispose();
  });

  it('does not grow while containers come and go and scrapers disconnect', async () => {
    exporter = new ExporterProcess(['--source', 'host', '--containers.keep-dead', '0'], COLLECTING);
    const url = await exporter.url();
    const pid = exporter.child.pid!;
    const floors: number[] = [];
    const files: number[] = [];
    for (let window = 0; window < WINDOWS; window++) {
      let floor = Infinity;
      for (let i = 0; i < CONTAINERS_PER_WINDOW; i++) {
        churn();
        const accept = ACCEPTED[i % ACCEPTED.length]!;
        const response = await fetch(`${url}/metrics`, { headers: { accept } });
        if (i % 5 === 0) await response.body!.cancel();
        else await response.arrayBuffer();
        floor = Math.min(floor, await used(url));
        await sleep(10);
      }
      floors.push(floor);
      files.push(readdirSync(`/proc/${pid}/fd`).length);
    }
    const figures = `MB: ${floors.map((one) => (one / 1e6).toFixed(1)).join()}; files: ${files.join()}`;
    // The first window is a warm-up: code is compiled and permanent objects are created.
    expect(floors.at(-1)! / floors[1]!, figures).to.be.lessThan(1.1);
    expect(files.at(-1)! - files[1]!, figures).to.be.lessThan(5);

    for (const cgroup of made.slice(-ALIVE)) rmdirSync(cgroup);
    made = [];
    await eventually('no container is exported', async () => !(await text(url)).includes('pod="soak-'), 5000);
    expect(await text(url)).to.match(/^kernscale_exporter_containers\{state="folded"\} 0$/m);
    expect(await exporter.stop('SIGTERM')).to.equal(0);
    expect(exporter.log).not.to.match(/level=(warn|error)/);
  });

  /** Creates a container and removes the oldest. */
  function churn(): void {
    const cgroup = path.join(sandbox.root, `soak-${made.length}.service`);
    mkdirSync(cgroup);
    made.push(cgroup);
    if (made.length > ALIVE) rmdirSync(made.at(-1 - ALIVE)!);
  }
});

async function text(url: string): Promise<string> {
  return (await fetch(`${url}/metrics`)).text();
}

/** JavaScript memory as the exporter reports it, buffers outside of the heap included. */
async function used(url: string): Promise<number> {
  const exposition = await text(url);
  const value = (name: string) => Number(new RegExp(`^${name} (.+)$`, 'm').exec(exposition)![1]);
  return value('nodejs_heap_size_used_bytes') + value('nodejs_external_memory_bytes');
}

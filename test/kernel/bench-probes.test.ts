import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { fromRoot } from '../../sandbox/paths.js';
import { requireKernel } from './harness.js';
import { cgroupRoot } from './mounts.js';

const MAIN = fromRoot('test/bench/probes/main.ts');

function start(...args: string[]): ChildProcess {
  return spawn(process.execPath, ['--import', 'tsx', MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
}

const cgroupOf = (bench: ChildProcess) => join(cgroupRoot(), `kernscale-bench-${bench.pid!}`);

describe('npm run bench:probes', function () {
  this.timeout('1m');
  before(function () {
    requireKernel(() => this.skip());
  });

  it('prints one JSON object, and names the peers that cannot run', async () => {
    const bench = start('--json', '--rounds', '1', '--only', 'block|memory');
    let output = '';
    let progress = '';
    bench.stdout!.on('data', (text) => (output += String(text)));
    bench.stderr!.on('data', (text) => (progress += String(text)));
    const [status] = (await once(bench, 'close')) as [number];
    expect(status, progress).to.equal(0);
    const { name, rows } = JSON.parse(output) as { name: string; rows: Record<string, unknown>[] };
    expect(name).to.equal('probes');
    for (const row of rows) {
      expect(Object.keys(row)).to.deep.equal(['what', 'ours', 'peer', 'peerName', 'unit', 'ratio']);
      expect(row['ours'], String(row['what'])).to.be.a('number');
    }
    const block = rows.find(({ what }) => what === 'block request')!;
    if (block['peer'] === null) expect(block['peerName']).to.match(/^biolatency cannot run here: ./);
    else expect(block['ratio']).to.be.above(0);
    expect(existsSync(cgroupOf(bench))).to.equal(false);
  });

  it('leaves nothing behind when it is terminated', async () => {
    const bench = start('--only', 'sample');
    const closed = once(bench, 'close');
    let progress = '';
    bench.stderr!.on('data', (text) => (progress += String(text)));
    while (!progress.includes('round 1') && bench.exitCode === null) await sleep(20);
    expect(existsSync(cgroupOf(bench)), progress).to.equal(true);
    bench.kill('SIGTERM');
    expect((await closed)[0], progress).to.equal(1);
    expect(progress).to.include('ended by SIGTERM');
    expect(existsSync(cgroupOf(bench))).to.equal(false);
  });
});

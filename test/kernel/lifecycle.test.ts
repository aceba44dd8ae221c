import { expect } from 'chai';
import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

import { NativeError, openProbes } from '../../native/index.js';
import { all, heldBy } from './bpf-census.js';
import type { BpfKind } from './bpf-census.js';
import { requireKernel } from './harness.js';
import { cgroupRoot } from './mounts.js';

const OPENER = `
  import { openProbes } from ${JSON.stringify(join(import.meta.dirname, '../../native/index.ts'))};
  const probes = openProbes({ cgroupRoot: ${JSON.stringify('/')} });
  probes.read();
  console.log('open');
  setInterval(() => probes.read(), 100);
`;

const OPENER_UNDER_SIGNALS = `
  import { openProbes, openStackSampler } from ${JSON.stringify(join(import.meta.dirname, '../../native/index.ts'))};
  process.on('SIGUSR2', () => undefined);
  console.log('ready');
  setInterval(() => undefined, 1_000); // keeps the process alive until the first signal
  await new Promise((resolve) => process.once('SIGUSR2', resolve));
  for (let i = 0; i < 5; i++) openStackSampler().close();
  const { programs } = openProbes({ cgroupRoot: ${JSON.stringify('/')} });
  console.log(JSON.stringify(programs));
  process.exit();
`;

describe('opening and closing probes', () => {
  before(function () {
    requireKernel(() => {
      this.skip();
    });
  });

  it('leaves no program and no map behind when the process is killed', async () => {
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', OPENER], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      for await (const line of createInterface({ input: child.stdout })) if (line === 'open') break;
      const held = { prog: heldBy(child.pid!, 'prog'), map: heldBy(child.pid!, 'map') };
      const left = (kind: BpfKind): readonly number[] => all(kind).filter((id) => held[kind].includes(id));
      for (const kind of ['prog', 'map'] as const) {
        expect(held[kind].length, kind).to.be.above(5);
        expect(left(kind), kind).to.have.lengthOf(held[kind].length);
      }
      child.kill('SIGKILL');
      await new Promise((resolve) => child.once('exit', resolve));
      for (let wait = 0; wait < 100 && left('prog').length + left('map').length > 0; wait++) await sleep(50);
      expect(left('prog')).to.deep.equal([]);
      expect(left('map')).to.deep.equal([]);
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('closes twice, and throws CLOSED afterwards', () => {
    const probes = openProbes({ cgroupRoot: cgroupRoot(), probes: ['sampling'], maxContainers: 4 });
    probes.close();
    probes.close();
    for (const use of [() => probes.read(), () => probes.track(1n)]) {
      expect(use).to.throw(NativeError).with.property('code', 'CLOSED');
    }
  });

  it('loads only the requested programs', () => {
    const probes = openProbes({ cgroupRoot: cgroupRoot(), probes: ['blockio'], maxContainers: 4 });
    try {
      const programs = probes.programs.map(({ program }) => program);
      expect(programs).to.include('block_rq_complete').and.not.include('sched_switch');
      expect(probes.read().containers).to.have.lengthOf(1);
    } finally {
      probes.close();
    }
  });

  it('loads every program while signals arrive', async function () {
    this.timeout(20_000);
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', OPENER_UNDER_SIGNALS],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    try {
      let last = '';
      for await (const line of createInterface({ input: child.stdout })) {
        last = line;
        // Ends when the process has ended.
        const flood = 'while kill -USR2 "$1" 2>/dev/null; do :; done';
        if (line === 'ready') spawn('bash', ['-c', flood, 'bash', String(child.pid)], { stdio: 'ignore' });
      }
      const programs = JSON.parse(last) as { program: string; detail: string }[];
      expect(programs.filter(({ detail }) => detail.includes('refused'))).to.deep.equal([]);
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('passes on every message of libbpf', () => {
    const messages: string[] = [];
    openProbes({
      cgroupRoot: cgroupRoot(),
      probes: ['sampling'],
      maxContainers: 4,
      onMessage: (level, text) => messages.push(`${level} ${text}`),
    }).close();
    expect(messages.some((message) => message.startsWith('debug libbpf: '))).to.equal(true);
    expect(messages.filter((message) => message.startsWith('warn'))).to.deep.equal([]);
  });

  it('opens two sets of probes at the same time', () => {
    const both = [1, 2].map(() => openProbes({ cgroupRoot: cgroupRoot(), maxContainers: 4 }));
    try {
      for (const probes of both) {
        expect(probes.programs.every(({ attached }) => attached)).to.equal(true);
        expect(probes.read().containers[0]!.stateSeconds.oncpu).to.be.at.least(0);
      }
    } finally {
      for (const probes of both) probes.close();
    }
  });

  it('names the missing capability', () => {
    const open = OPENER.replace('probes.read();', '');
    const { status, stderr } = spawnWithout(['bpf', 'perfmon', 'sys_admin'], open);
    expect(status).to.not.equal(0);
    expect(stderr)
      .to.match(/NO_CAPABILITY/)
      .and.match(/CAP_BPF and CAP_PERFMON missing/);
  });
});

function spawnWithout(capabilities: readonly string[], script: string): { status: number; stderr: string } {
  const drop = capabilities.map((name) => `-${name}`).join(',');
  try {
    execFileSync(
      'setpriv',
      [
        `--bounding-set=${drop}`,
        `--inh-caps=-all`,
        process.execPath,
        '--import',
        'tsx',
        '--input-type=module',
        '-e',
        script,
      ],
      { encoding: 'utf8', stdio: 'pipe' },
    );
    return { status: 0, stderr: '' };
  } catch (error) {
    const { status, stderr } = error as { status: number; stderr: string };
    return { status, stderr };
  }
}

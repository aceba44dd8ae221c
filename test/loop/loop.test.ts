import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { readFileSync, writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';

import { eventually } from '../eventually.js';
import { census, leftSince } from './census.js';
import { emptyQueries } from './dashboards.js';
import { fromRoot } from '../../sandbox/paths.js';
import { preflight } from '../../sandbox/loop/loop.js';
import type { Wish } from '../../sandbox/hpa/shadow.js';
import type { ScenarioResult } from '../../sandbox/loop/scenarios.js';

/** `npm start`, without the setup, as a child process. */
interface LoopChild {
  readonly process: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** Resolves with its exit status, or its signal. */
  readonly ended: Promise<number | string>;
  /** Waits until the pattern appears on standard error. @throws Error with all output if the child ends first */
  see(pattern: RegExp): Promise<RegExpExecArray>;
}

function runLoop(args: readonly string[]): LoopChild {
  const child = spawn(process.execPath, [fromRoot('dist/sandbox/loop/main.js'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  let over = false;
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => {
      over = true;
      resolve(signal ?? code ?? 0);
    });
  });
  return {
    process: child,
    stdout: () => stdout,
    stderr: () => stderr,
    ended,
    async see(pattern) {
      for (;;) {
        const match = pattern.exec(stderr);
        if (match) return match;
        if (over) throw new Error(`ended before it printed ${String(pattern)}:\n${stderr}`);
        await sleep(100);
      }
    },
  };
}

interface DecisionRecord {
  workload: string;
  currentReplicas: number;
  replicas: number;
  reason: string;
}

describe('the whole loop on this machine', function () {
  this.timeout(240_000);
  let earlier: Set<string>;
  let child: LoopChild | undefined;

  before('the machine can run it', () => {
    preflight();
  });

  beforeEach(() => {
    earlier = census();
  });

  afterEach(async () => {
    if (child?.process.exitCode === null) child.process.kill('SIGTERM');
    await child?.ended;
    child = undefined;
    await eventually('nothing is left', () => leftSince(earlier).length === 0).catch(() => {
      expect(leftSince(earlier), 'left behind').to.deep.equal([]);
    });
  });

  it('scales every demo workload as expected, and the dashboards show it', async () => {
    child = runLoop(['--for', '120s', '--json']);
    await child.see(/Load on "chain" starts now/);
    await sleep(40_000);
    const prometheus = (await child.see(/Prometheus +(\S+)\//))[1]!;
    expect(await emptyQueries(prometheus), 'queries without data').to.deep.equal([]);
    const status = await child.ended;
    const { scenarios, hpa } = JSON.parse(child.stdout().trimEnd().split('\n').at(-1)!) as {
      scenarios: ScenarioResult[];
      hpa: { workload: string; most: Wish; last: Wish }[];
    };
    expect(scenarios.map(({ workload }) => workload)).to.deep.equal(['cpu', 'disk', 'chain', 'lock', 'idle']);
    expect(
      scenarios.filter(({ ok }) => !ok),
      child.stderr(),
    ).to.deep.equal([]);
    expect(status).to.equal(0);
    expect(hpaLines(child.stderr()).map(hpaSum)).to.deep.equal(scenarios.map(({ workload }) => workload));
    // CPU is not what they lack, so an HPA has nothing to say about them.
    const waiters = hpa.filter(({ workload }) => ['chain', 'disk', 'lock'].includes(workload));
    expect(waiters.map(({ most, last }) => [most.wanted, last.wanted])).to.deep.equal([
      [1, 1],
      [1, 1],
      [1, 1],
    ]);
  });

  it('scales nothing once Prometheus is killed, reports why, and survives the death of the others', async () => {
    child = runLoop([]);
    const scaler = (await child.see(/decisions +(\S+)\//))[1]!;
    const prometheus = Number((await child.see(/Prometheus +\S+ +pid (\d+)/))[1]);
    const records = async () =>
      ((await (await fetch(`${scaler}/api/v1/decisions`)).json()) as { decisions: DecisionRecord[] })
        .decisions;
    await eventually(
      'a decision on CPU demand',
      async () => (await records()).some(({ reason }) => reason.includes('core')),
      60_000,
    );
    process.kill(prometheus, 'SIGKILL');
    const blind = await eventually(
      'all decisions without Prometheus',
      async () => {
        const all = await records();
        return all.length === 5 && all.every(({ reason }) => /Prometheus|refused/.test(reason)) && all;
      },
      30_000,
    );
    expect(blind.filter(({ currentReplicas, replicas }) => currentReplicas !== replicas)).to.deep.equal([]);
    await sleep(15_000);
    const replicas = (all: DecisionRecord[]) =>
      all.map(({ workload, currentReplicas }) => [workload, currentReplicas]);
    expect(replicas(await records())).to.deep.equal(replicas(blind));
    expect(child.stderr()).to.contain('Prometheus exited (SIGKILL)');
    for (const [name, label] of [
      ['scaler', 'decisions'],
      ['exporter', 'metrics'],
    ] as const) {
      const pid = (await child.see(new RegExp(`${label} +\\S+ +pid (\\d+)`)))[1];
      process.kill(Number(pid), 'SIGKILL');
      await child.see(new RegExp(`the ${name} exited \\(SIGKILL\\)`));
    }
    expect(child.stderr()).not.to.contain('Cannot read the stand-in cluster');
    child.process.kill('SIGINT');
    expect(await child.ended).to.equal(0);
    expect(hpaLines(child.stdout())).to.have.length(5);
    expect(child.stdout()).to.match(/^The bottleneck is cpu/);
  });

  it('says of a short run that it proves nothing, shows a broken rule, and ends within 5 s of Ctrl-C', async () => {
    child = runLoop(['--for', '1s']);
    expect(await child.ended).to.equal(1);
    expect(child.stdout())
      .to.match(/^1 s are too short to judge/)
      .and.not.to.contain('FAIL');

    const directory = mkdtempSync(join(tmpdir(), 'kernscale-rules-'));
    try {
      const rules = join(directory, 'demo.yaml');
      const text = readFileSync(fromRoot('rules/scaling/demo.yaml'), 'utf8');
      writeFileSync(rules, text);
      child = runLoop(['--rules', rules]);
      await child.see(/cluster +KUBECONFIG/);
      writeFileSync(rules, text.replace('maxReplicas', 'maxReplica'));
      await child.see(/Problem[^:]*: .*demo\.yaml:\d+:\d+: .*maxReplicas/);
      const began = performance.now();
      child.process.kill('SIGINT');
      expect(await child.ended).to.equal(0);
      expect(performance.now() - began).to.be.below(5000);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('leaves nothing behind after SIGTERM during start-up', async () => {
    child = runLoop([]);
    await child.see(/Starting Prometheus/);
    child.process.kill('SIGTERM');
    expect(await child.ended, child.stderr()).to.equal(0);
  });

  it('leaves nothing behind when its terminal or output pipe is closed', async () => {
    child = runLoop([]);
    await child.see(/Starting Prometheus/);
    child.process.kill('SIGHUP');
    expect(await child.ended, child.stderr()).to.equal(0);
    child = runLoop([]);
    await child.see(/Starting Prometheus/);
    child.process.stderr?.destroy();
    expect(await child.ended).to.equal(0);
  });

  it('separates two runs that start at the same time', async () => {
    const other = runLoop([]);
    try {
      child = runLoop([]);
      const addresses = await Promise.all(
        [child, other].map(async (run) => (await run.see(/decisions +(\S+)\//))[1]),
      );
      expect(addresses[0]).not.to.equal(addresses[1]);
      await sleep(2000);
      expect(child.stderr() + other.stderr()).not.to.contain('exited');
    } finally {
      other.process.kill('SIGTERM');
      await other.ended;
    }
  });

  it('ends its processes when it is killed, and the next run removes the rest', async () => {
    child = runLoop([]);
    await child.see(/cluster +KUBECONFIG/);
    child.process.kill('SIGKILL');
    await child.ended;
    await eventually(
      'the processes have ended',
      () => !leftSince(earlier).some((name) => /^(process|BPF)/.test(name)),
    );
    child = runLoop([]);
    await child.see(/cluster +KUBECONFIG/);
    child.process.kill('SIGTERM');
    expect(await child.ended).to.equal(0);
  });

  it('uses the next port if one is in use, and reports it', async () => {
    const occupant = await occupy(9090);
    try {
      child = runLoop([]);
      await child.see(/Port 9090 is in use; Prometheus listens on \d+ instead/);
    } finally {
      occupant?.close();
    }
  });

  it('reports a wrong flag or a broken rule in one sentence, with exit status 1', async () => {
    child = runLoop(['--fro', '10s']);
    expect(await child.ended).to.equal(1);
    expect(child.stderr()).to.match(
      /^npm start: unknown option '--fro'.*--for.*\[BAD_FLAG\]\nsee docs\/errors\.md#bad_flag\n$/,
    );
    child = runLoop(['--json']);
    expect(await child.ended).to.equal(1);
    expect(child.stderr()).to.match(
      /^npm start: --json .* needs --for \[BAD_FLAG\]\nsee docs\/errors\.md#bad_flag\n$/,
    );

    const directory = mkdtempSync(join(tmpdir(), 'kernscale-rules-'));
    try {
      const file = join(directory, 'typo.yaml');
      writeFileSync(
        file,
        readFileSync(fromRoot('rules/scaling/demo.yaml'), 'utf8').replace('maxReplicas', 'maxReplica'),
      );
      child = runLoop(['--rules', file]);
      expect(await child.ended).to.equal(1);
      expect(child.stderr()).to.match(/typo\.yaml:\d+:\d+: group "demo", rule "cpu": .*maxReplicas/);
      expect(child.stderr()).not.to.match(/\n\s+at /);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

function hpaLines(output: string): string[] {
  return output.split('\n').filter((line) => line.startsWith('HPA would have: '));
}

/** Holds the sum of a line on HPA against its result. @returns its workload */
function hpaSum(line: string): string {
  const sum = /: (\w+) +\d+ → \d+ \((\d+) × (\d+)\/80 = ([\d.]+)[:)].*, most \d+ \(\d+ s(, held)?\)$/.exec(
    line,
  );
  const [, workload, pods, cpu, result] = sum ?? [];
  expect(Number(result), line).to.be.closeTo((Number(pods) * Number(cpu)) / 80, 0.006);
  expect(line.length, line).to.be.at.most(80);
  return workload!;
}

async function occupy(port: number): Promise<Server | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => {
      resolve(undefined); // already in use
    });
    server.listen(port, '127.0.0.1', () => {
      resolve(server);
    });
  });
}

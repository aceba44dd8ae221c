import { execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import bcrypt from 'bcryptjs';
import { expect } from 'chai';
import { eventually } from '../eventually.js';
import { openBelow, openStackSampler } from '../../native/index.js';

import { decode } from './decoded-profile.js';
import { ExporterProcess } from './exporter-process.js';
import { buildTruth, requireKernel, Sandbox, type Group } from './harness.js';

const BUILD = path.join(import.meta.dirname, 'build');

describe('profiles', function () {
  this.timeout(90_000);
  let sandbox: Sandbox;
  let group: Group;
  let exporters: ExporterProcess[];

  before(function () {
    requireKernel(() => {
      this.skip();
    });
    buildTruth();
  });

  beforeEach(() => {
    sandbox = new Sandbox();
    group = sandbox.group(undefined, 'hot.service');
    exporters = [];
  });

  afterEach(async () => {
    for (const exporter of exporters) await exporter.stop('SIGKILL');
    await sandbox.dispose();
  });

  async function start(
    flags: readonly string[] = ['--profile'],
    through: readonly string[] = [],
  ): Promise<string> {
    const exporter = new ExporterProcess(['--source', 'host', ...flags], through);
    exporters.push(exporter);
    return exporter.url();
  }

  /** Requests a profile in folded format. Returns the number of samples per stack. */
  async function folded(url: string, seconds: number): Promise<Map<string, number>> {
    const response = await fetch(`${url}/profile?${about(seconds)}&format=folded`);
    const text = await response.text();
    expect(response.status, text).to.equal(200);
    const lines = text.trim().split('\n');
    return new Map(
      lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(/\d+$/.exec(line)![0])]),
    );
  }

  const about = (seconds: number) => `namespace=system&pod=hot.service&seconds=${seconds}`;

  it('run no program while none is requested', async () => {
    await group.run('hot', ['user']);
    const sampler = openStackSampler();
    try {
      await sleep(300);
      expect(sampler.counts().runs).to.equal(0);
      sampler.start([group.id]);
      await eventually('samples', () => sampler.take().length > 0);
      sampler.stop();
      const { runs } = sampler.counts();
      await sleep(300);
      expect(sampler.counts().runs).to.equal(runs);
    } finally {
      sampler.close();
    }
  });

  it('show a program’s functions, their callers, and their shares of the time', async () => {
    await group.run('hot', ['user']);
    const stacks = await folded(await start(), 4);
    const share = (chain: RegExp) => sum(stacks, chain) / sum(stacks, /./);
    expect(sum(stacks, /./), 'samples').to.be.greaterThan(40);
    expect(share(/^hot;.*main;compute;heavy\b/)).to.be.within(0.55, 0.9);
    expect(share(/^hot;.*main;compute;light\b/)).to.be.within(0.1, 0.45);
  });

  it('show the kernel’s functions below the program’s, without their addresses', async () => {
    await group.run('hot', ['kernel']);
    const url = await start();
    const response = await fetch(`${url}/profile?${about(2)}`);
    expect(response.headers.get('content-type')).to.equal('application/octet-stream');
    const { profile, text } = decode(Buffer.from(await response.arrayBuffer()));
    const mapping = profile.mapping.find(({ filename }) => text(filename) === '[kernel]')!;
    const kernel = profile.location.filter(({ mappingId }) => mappingId === mapping.id);
    const names = kernel.map(({ line }) => text(profile.function[Number(line[0]!.functionId) - 1]!.name));
    expect(names).to.include('get_random_bytes_user');
    expect(kernel.filter(({ address }) => Number(address) !== 0)).to.deep.equal([]);
    const [, nanoseconds] = profile.sampleType.map(({ type, unit }) => `${text(type)}/${text(unit)}`);
    expect(nanoseconds).to.equal('cpu/nanoseconds');
    const cpu = profile.sample.reduce((total, { value }) => total + Number(value[1]), 0) / 1e9;
    expect(cpu).to.be.within(0.2, 2.2);
    expect(profile.mapping.map(({ filename }) => text(filename))).to.include(path.join(BUILD, 'hot'));
  });

  it('can be read by pprof', async function () {
    if (!has('go')) this.skip();
    await group.run('hot', ['user']);
    const response = await fetch(`${await start()}/profile?${about(2)}`);
    const file = path.join(sandbox.scratch, 'profile.pb.gz');
    writeFileSync(file, Buffer.from(await response.arrayBuffer()));
    const top = execFileSync('go', ['tool', 'pprof', '-top', file], { encoding: 'utf8' });
    expect(top)
      .to.match(/^Type: cpu$/m)
      .and.match(/%\s+heavy$/m);
  });

  it('read the files of a container through its own root, by its own paths', async () => {
    const root = path.join(sandbox.scratch, 'root');
    mkdirSync(root);
    const isolated = `
      mount -t tmpfs none "$1" && mkdir "$1/lower" "$1/upper" "$1/work" "$1/merged" &&
      cp "$2" "$1/lower/server" && mkdir "$1/lower/dev" && : >"$1/lower/dev/urandom" &&
      mount -t overlay none -o "lowerdir=$1/lower,upperdir=$1/upper,workdir=$1/work" "$1/merged" &&
      cd merged && mkdir old && pivot_root . old && exec ./server user`;
    run(group, [
      'unshare',
      '--mount',
      'sh',
      '-c',
      `cd "$1" && ${isolated}`,
      'sh',
      root,
      path.join(BUILD, 'hot'),
    ]);
    const stacks = await folded(await start(), 2);
    expect(sum(stacks, /^server;.*compute;heavy\b/), [...stacks.keys()].join('\n')).to.be.greaterThan(10);
  });

  it('take names of compiled code from the map that its process writes, in any PID namespace', async () => {
    const script =
      'function hotLoop() { for (let i = 0; i < 1e7; i++) globalThis.sink = i; } for (;;) hotLoop();';
    // Node.js also writes a log to its working directory, which ends with the namespace, too.
    const inside = 'mount -t tmpfs none /tmp && cd /tmp && exec "$@"';
    const node = [process.execPath, '--perf-basic-prof', '-e', script];
    run(group, ['unshare', '--mount', '--pid', '--fork', 'sh', '-c', inside, 'sh', ...node]);
    await sleep(500); // until it is compiled
    const stacks = await folded(await start(), 2);
    expect(sum(stacks, /hotLoop/), [...stacks.keys()].join('\n')).to.be.greaterThan(10);
    expect(exporters[0]!.log, 'lines of its log').to.match(/^(?:level=.*\n)+$/);
  });

  it('name modules and addresses if the exporter may not read files, and say why', async () => {
    await group.run('hot', ['user']);
    const url = await start(['--profile'], without('ptrace'));
    const stacks = await folded(url, 2);
    expect(sum(stacks, /;hot\+0x[0-9a-f]+$/), [...stacks.keys()].join('\n')).to.be.greaterThan(10);
    expect(sum(stacks, /heavy/)).to.equal(0);
    const { profile, text } = decode(
      Buffer.from(await (await fetch(`${url}/profile?${about(1)}`)).arrayBuffer()),
    );
    expect(profile.comment.map(text).join('\n')).to.include('no CAP_SYS_PTRACE');
  });

  it('need CAP_SYS_PTRACE and no other capability to name functions', async () => {
    await group.run('hot', ['user']);
    const stacks = await folded(await start(['--profile'], without('all else')), 2);
    expect(sum(stacks, /compute;heavy\b/), [...stacks.keys()].join('\n')).to.be.greaterThan(10);
  });

  it('are taken one at a time, and end when the client disconnects', async () => {
    await group.run('hot', ['user']);
    const url = await start();
    const gone = new AbortController();
    const first = fetch(`${url}/profile?${about(50)}`, { signal: gone.signal }).catch(() => undefined);
    await eventually('the first runs', () => exporters[0]!.log.includes('taking a profile'));
    const second = await fetch(`${url}/profile?${about(1)}`);
    expect(second.status).to.equal(503);
    expect(Number(second.headers.get('retry-after'))).to.be.within(30, 50);
    gone.abort();
    await first;
    await eventually(
      'the next profile is taken',
      async () => (await fetch(`${url}/profile?${about(0.1)}`)).status === 200,
    );
    const metrics = fetch(`${url}/metrics`);
    const third = fetch(`${url}/profile?${about(50)}`).catch(() => undefined);
    expect((await metrics).status).to.equal(200);
    await sleep(200);
    const signalled = performance.now();
    expect(await exporters[0]!.stop('SIGTERM')).to.equal(0);
    expect(performance.now() - signalled, 'ms until the exit').to.be.lessThan(5000);
    await third;
  });

  it('are off by default, without keeping a capability', async () => {
    const url = await start([]);
    const response = await fetch(`${url}/profile?${about(1)}`);
    expect(response.status).to.equal(403);
    expect(await response.text()).to.include('--profile');
    expect(exporters[0]!.log).not.to.include('CAP_SYS_PTRACE');
  });

  it('require the password if there is one, and can be turned off', async () => {
    await group.run('hot', ['user']);
    const file = path.join(sandbox.scratch, 'web.yaml');
    writeFileSync(file, `basic_auth_users: {ann: ${bcrypt.hashSync('secret', 4)}}`);
    const statusOf = async (flags: readonly string[], headers?: Record<string, string>) => {
      const url = await start(['--web.config.file', file, ...flags]);
      return (await fetch(`${url}/profile?${about(0.2)}`, { headers: headers ?? {} })).status;
    };
    const authorization = `Basic ${btoa('ann:secret')}`;
    expect(await statusOf([])).to.equal(401);
    expect(await statusOf([], { authorization })).to.equal(200);
    expect(await statusOf(['--no-profile'], { authorization })).to.equal(403);
  });

  it('follow no links out of a container’s root', () => {
    const root = mkdtempSync(path.join(tmpdir(), 'kernscale-test-'));
    try {
      mkdirSync(path.join(root, 'etc'));
      writeFileSync(path.join(root, 'etc', 'hostname'), 'inside');
      symlinkSync('../../../../../../etc/hostname', path.join(root, 'link'));
      symlinkSync('/etc/shadow', path.join(root, 'absolute'));
      const file = openBelow(root, '/link')!;
      expect(readFileSync(file, 'utf8')).to.equal('inside');
      closeSync(file);
      expect(openBelow(root, '/absolute')).to.equal(undefined);
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});

/** Runs a command in a cgroup until the sandbox is disposed. */
function run(group: Group, command: readonly string[]): void {
  spawn('sh', ['-c', `echo $$ > ${group.path}/cgroup.procs && exec "$@"`, 'sh', ...command], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** Returns a command that drops capabilities, as a container runtime does. */
function without(what: 'ptrace' | 'all else'): string[] {
  const kept = what === 'ptrace' ? '+bpf,+perfmon' : '+bpf,+perfmon,+sys_ptrace';
  return ['setpriv', `--bounding-set=-all,${kept}`, '--inh-caps=-all', '--no-new-privs'];
}

function sum(stacks: ReadonlyMap<string, number>, pattern: RegExp): number {
  return [...stacks].reduce((total, [stack, count]) => total + (pattern.test(stack) ? count : 0), 0);
}

function has(program: string): boolean {
  return process.env['PATH']!.split(':').some((directory) => existsSync(path.join(directory, program)));
}

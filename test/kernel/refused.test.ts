import { execFile, execFileSync } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import type { ProgramStatus } from 'bpf-linker-napi';
import { expect } from 'chai';
import { decode } from './decoded-profile.js';
import { ExporterProcess } from './exporter-process.js';
import { buildTruth, requireKernel, Sandbox } from './harness.js';
import type { Outcome } from './refused.js';

const REFUSE = path.join(import.meta.dirname, 'build', 'refuse.so');
const OBJECTS = path.join(import.meta.dirname, '../../native/build');
/** As much of a program's name as the kernel keeps. */
const KEPT = 15;
/** Either tells the names of the kernel's functions. */
const NAMERS = ['name_address', 'list_names'];

for (const object of ['kernscale', 'profile']) {
  describe(`a program of ${object}.bpf.c that the kernel refuses`, function () {
    this.timeout(240_000);
    let loading: readonly Outcome[];
    let attaching: readonly Outcome[];

    before(async function () {
      requireKernel(() => {
        this.skip();
      });
      buildTruth();
      const names = programNames(object);
      loading = await refuse('REFUSE_LOAD', object, names);
      // Each is attached by itself, and loading them takes long: a few at once, of which no two are neighbours.
      const together = Array.from({ length: 4 }, (_, i) => names.filter((_name, at) => at % 4 === i).join());
      attaching = await refuse('REFUSE_ATTACH', object, together);
    });

    it('as it is loaded costs what it gives and nothing else, or another does its work', () => {
      const [whole, ...outcomes] = loading;
      for (const outcome of outcomes) {
        const { refused, was, own, others, added } = compare(whole!, outcome);
        expect(others, refused).to.deep.equal(was.others);
        if (added.length === 0) expectAbsence(own, was.own, refused, 'refused by the kernel');
        else expect([own, added.map(({ attached }) => attached)], refused).to.deep.equal([[], [true]]);
      }
    });

    it('as it is attached costs what it gives and nothing else', () => {
      const [whole, ...outcomes] = attaching;
      for (const outcome of outcomes) {
        const { refused, was, own, others, added } = compare(whole!, outcome);
        expect(others, refused).to.deep.equal(was.others);
        expect(added, refused).to.deep.equal([]);
        expectAbsence(own, was.own, refused, 'cannot attach');
      }
    });

    it('leaves nothing behind', () => {
      for (const { refused, leftovers } of [...loading, ...attaching]) expect(leftovers, refused).to.equal(0);
    });

    it('leaves the kernel’s functions their names if another tells them', () => {
      for (const { refused, programs, named } of [...loading, ...attaching]) {
        const tells = programs.some(({ program, attached }) => attached && NAMERS.includes(program));
        if (named !== undefined) expect(named, refused).to.equal(tells);
      }
    });
  });
}

describe('profiles where the kernel refuses', function () {
  this.timeout(90_000);
  let sandbox: Sandbox;
  let exporter: ExporterProcess;

  before(function () {
    requireKernel(() => {
      this.skip();
    });
    buildTruth();
  });

  beforeEach(async () => {
    sandbox = new Sandbox();
    await sandbox.group(undefined, 'hot.service').run('hot', ['kernel']);
  });

  afterEach(async () => {
    await exporter.stop('SIGKILL');
    await sandbox.dispose();
  });

  /** An exporter without these programs: its answer to a request for a profile, and its metrics of the programs. */
  async function ask(...refused: string[]) {
    const without = ['env', `LD_PRELOAD=${REFUSE}`, `REFUSE_LOAD=${refused.join()}`];
    exporter = new ExporterProcess(['--source', 'host', '--profile'], without);
    const url = await exporter.url();
    const answer = await fetch(`${url}/profile?namespace=system&pod=hot.service&seconds=1`);
    const body = Buffer.from(await answer.arrayBuffer());
    const metrics = await fetch(`${url}/metrics`);
    expect(metrics.status).to.equal(200);
    const text = await metrics.text();
    const attached = (program: string) =>
      new RegExp(`^kernscale_probe_attached{probe="profile",program="${program}"} (.*)$`, 'm').exec(
        text,
      )?.[1];
    return { status: answer.status, body, attached };
  }

  it('to name addresses: the kernel’s functions are [kernel], the program’s have names', async () => {
    const { status, body, attached } = await ask(...NAMERS);
    expect(status, body.toString()).to.equal(200);
    const { profile, text } = decode(body);
    expect(notes(body)).to.include(
      'BPF program name_address: refused by the kernel: Operation not permitted',
    );
    expect(functions(body)).to.include('read').and.not.include('get_random_bytes_user');
    const mapping = profile.mapping.find(({ filename }) => text(filename) === '[kernel]')!;
    const kernel = profile.location.filter(({ mappingId }) => mappingId === mapping.id);
    expect(kernel).not.to.deep.equal([]);
    for (const { address, line } of kernel) expect([Number(address), line]).to.deep.equal([0, []]);
    expect(attached('name_address')).to.equal('0');
    expect(attached('list_mappings')).to.equal('1');
    expect(exporter.log).to.match(/^level=warn .*program=name_address .*msg="not attached"$/m);
  });

  it('to list mappings: the program’s functions are unknown, the kernel’s have names', async () => {
    const { status, body, attached } = await ask('list_mappings');
    expect(status, body.toString()).to.equal(200);
    expect(notes(body)).to.include(
      'BPF program list_mappings: refused by the kernel: Operation not permitted',
    );
    expect(functions(body)).to.include('get_random_bytes_user').and.not.include('read');
    expect(attached('list_mappings')).to.equal('0');
  });

  it('to sample: there are none, and the answer says why', async () => {
    const { status, body, attached } = await ask('sample_stack');
    expect(status).to.equal(501);
    expect(body.toString()).to.include('refused by the kernel: Operation not permitted: profiles are unavailable');
    expect(attached('sample_stack')).to.equal('0');
    expect(exporter.log, 'no capability is kept for nothing').not.to.include('CAP_SYS_PTRACE');
  });
});

/** First all programs of an object, then without what each choice names. */
async function refuse(
  variable: 'REFUSE_LOAD' | 'REFUSE_ATTACH',
  object: string,
  choices: readonly string[],
): Promise<readonly Outcome[]> {
  const script = path.join(import.meta.dirname, 'refused.ts');
  const command = ['--import', 'tsx', script, variable, object, ...choices];
  const env = { ...process.env, LD_PRELOAD: REFUSE };
  const { stdout } = await promisify(execFile)(process.execPath, command, { env });
  const outcomes = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Outcome);
  expect(outcomes.map(({ refused }) => refused)).to.deep.equal(['', ...choices]);
  return outcomes;
}

/** Every program that is built: the object's global functions. */
function programNames(object: string): readonly string[] {
  const symbols = execFileSync('readelf', ['--syms', '--wide', path.join(OBJECTS, `${object}.bpf.o`)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const names = [...symbols.matchAll(/ FUNC +GLOBAL .* (\w+)$/gm)].map(([, name]) => name!);
  expect(names).to.include(object === 'profile' ? 'sample_stack' : 'sched_switch');
  return names;
}

/** What was refused and all else, as it was and as it is now, and what is there only now. */
function compare(whole: Outcome, { refused, programs }: Outcome) {
  const kept = refused.split(',').map((name) => name.slice(0, KEPT));
  const isOwn = ({ program }: ProgramStatus) => kept.includes(program.slice(0, KEPT));
  const isNew = ({ program }: ProgramStatus) => !whole.programs.some((status) => status.program === program);
  const others = programs.filter((status) => !isOwn(status));
  return {
    refused,
    own: programs.filter(isOwn),
    others: others.filter((status) => !isNew(status)),
    added: others.filter(isNew),
    was: {
      own: whole.programs.filter(isOwn),
      others: whole.programs.filter((status) => !isOwn(status)),
    },
  };
}

/** Of programs that this kernel takes. One that is not in use, as another is preferred, cannot be missed. */
function expectAbsence(
  own: readonly ProgramStatus[],
  was: readonly ProgramStatus[],
  refused: string,
  why: string,
): void {
  expect(
    own.map(({ program, attached }) => [program, attached]),
    refused,
  ).to.deep.equal(was.map(({ program }) => [program, false]));
  for (const [i, { attached }] of was.entries())
    if (attached) expect(own[i]!.detail).to.match(new RegExp(`^${why}: Operation not permitted: \\w.{10}`));
}

function notes(body: Buffer): string {
  const { profile, text } = decode(body);
  return profile.comment.map(text).join('\n');
}

function functions(body: Buffer): readonly string[] {
  const { profile, text } = decode(body);
  return profile.function.map(({ name }) => text(name));
}

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
/** Characters of a program's name that the kernel keeps. */
const KERNEL_NAME_LENGTH = 15;
/** Programs of which one is enough to name the kernel's functions. */
const NAMERS = ['name_address', 'list_names'];

for (const object of ['kernscale', 'profile']) {
  describe(`a program of ${object}.bpf.c that the kernel refuses`, function () {
    this.timeout(600_000);
    let loading: readonly Outcome[];
    let attaching: readonly Outcome[];

    before(async function () {
      requireKernel(() => {
        this.skip();
      });
      buildTruth();
      const names = programNames(object);
      // Attachments are independent, so one slow load serves several refusals. No two neighbours share one.
      const together = Array.from({ length: 4 }, (_, i) => names.filter((_name, at) => at % 4 === i).join());
      [loading, attaching] = await Promise.all([
        refuse('REFUSE_LOAD', object, names),
        refuse('REFUSE_ATTACH', object, together),
      ]);
    });

    it('at load loses its own metrics only, or none if it has a fallback', () => {
      const [whole, ...outcomes] = loading;
      for (const outcome of outcomes) {
        const { refused, was, own, others, added } = compare(whole!, outcome);
        expect(others, refused).to.deep.equal(was.others);
        if (added.length === 0) expectLoss(own, was.own, refused, 'refused by the kernel');
        else expect([own, added.map(({ attached }) => attached)], refused).to.deep.equal([[], [true]]);
      }
    });

    it('at attach loses its own metrics only', () => {
      const [whole, ...outcomes] = attaching;
      for (const outcome of outcomes) {
        const { refused, was, own, others, added } = compare(whole!, outcome);
        expect(others, refused).to.deep.equal(was.others);
        expect(added, refused).to.deep.equal([]);
        expectLoss(own, was.own, refused, 'cannot attach');
      }
    });

    it('leaves nothing behind', () => {
      for (const { refused, leftovers } of [...loading, ...attaching]) expect(leftovers, refused).to.equal(0);
    });

    it('does not affect the names of kernel functions if another program returns them', () => {
      for (const { refused, programs, named } of [...loading, ...attaching]) {
        const hasNamer = programs.some(({ program, attached }) => attached && NAMERS.includes(program));
        if (named !== undefined) expect(named, refused).to.equal(hasNamer);
      }
    });
  });
}

describe('profiles without programs that the kernel refuses', function () {
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

  /** Requests a profile of an exporter without these programs, and its metrics about the programs. */
  async function requestProfile(...refused: string[]) {
    const without = ['env', `LD_PRELOAD=${REFUSE}`, `REFUSE_LOAD=${refused.join()}`];
    exporter = new ExporterProcess(['--source', 'host', '--profile'], without);
    const url = await exporter.url();
    const response = await fetch(`${url}/profile?namespace=system&pod=hot.service&seconds=1`);
    const body = Buffer.from(await response.arrayBuffer());
    const metrics = await fetch(`${url}/metrics`);
    expect(metrics.status).to.equal(200);
    const text = await metrics.text();
    const attached = (program: string) =>
      new RegExp(`^kernscale_probe_attached{probe="profile",program="${program}"} (.*)$`, 'm').exec(
        text,
      )?.[1];
    return { status: response.status, body, attached };
  }

  it('name the program’s functions and show the kernel’s as [kernel] without name_address and list_names', async () => {
    const { status, body, attached } = await requestProfile(...NAMERS);
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

  it('name the kernel’s functions only without list_mappings', async () => {
    const { status, body, attached } = await requestProfile('list_mappings');
    expect(status, body.toString()).to.equal(200);
    expect(notes(body)).to.include(
      'BPF program list_mappings: refused by the kernel: Operation not permitted',
    );
    expect(functions(body)).to.include('get_random_bytes_user').and.not.include('read');
    expect(attached('list_mappings')).to.equal('0');
  });

  it('are unavailable without sample_stack, and the response says why', async () => {
    const { status, body, attached } = await requestProfile('sample_stack');
    expect(status).to.equal(501);
    expect(body.toString()).to.include(
      'refused by the kernel: Operation not permitted: profiles are unavailable',
    );
    expect(attached('sample_stack')).to.equal('0');
    expect(exporter.log, 'capabilities that are kept').not.to.include('CAP_SYS_PTRACE');
  });
});

describe('a program that the kernel’s lockdown refuses', function () {
  this.timeout(90_000);
  let exporter: ExporterProcess;

  before(function () {
    requireKernel(() => {
      this.skip();
    });
    buildTruth();
  });

  afterEach(() => exporter.stop('SIGKILL'));

  /** Starts an exporter whose sched_switch the verifier refuses with these words. */
  async function refused(log: string) {
    const without = ['env', `LD_PRELOAD=${REFUSE}`, 'REFUSE_LOAD=sched_switch', `REFUSE_LOG=${log}`];
    exporter = new ExporterProcess(['--source', 'host'], without);
    const url = await exporter.url();
    const page = await fetch(url, { headers: { accept: 'text/html' } });
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const metric = /^kernscale_probe_attached{.*program="sched_switch".*$/m;
    return { page: await page.text(), attached: metric.exec(metrics)?.[0] };
  }

  for (const [kernel, log] of [
    ['Linux 6.1', 'unknown func bpf_probe_read#4'],
    ['Linux 6.12', '7: R1=0\nprogram of this type cannot use helper bpf_probe_read_kernel#113'],
  ] as const)
    it(`is reported with what to do, in the words of ${kernel}`, async () => {
      const { page, attached } = await refused(log);
      const remedy = 'boot with lockdown=integrity, or run Linux 6.2 or newer';
      expect(exporter.log).to.match(
        new RegExp(`^level=warn .*program=sched_switch .*lockdown \\(confidentiality\\).*${remedy}`, 'm'),
      );
      expect(page).to.include('lockdown (confidentiality)').and.include(remedy);
      expect(attached).to.match(/reason="lockdown"} 0$/);
    });

  it('is not reported where the verifier refuses something else', async () => {
    const { page, attached } = await refused('call bpf_probe_read_kernel#113\nunknown func bpf_loop#181');
    expect(page).to.include('refused by the kernel: Invalid argument').and.not.include('lockdown');
    expect(attached).to.match(/program="sched_switch"} 0$/);
    expect(exporter.log).not.to.include('lockdown');
  });
});

/** Loads an object once with all programs, then once without the programs that each choice names. */
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

/** Returns all programs of an object: its global functions. */
function programNames(object: string): readonly string[] {
  const symbols = execFileSync('readelf', ['--syms', '--wide', path.join(OBJECTS, `${object}.bpf.o`)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const names = [...symbols.matchAll(/ FUNC +GLOBAL .* (\w+)$/gm)].map(([, name]) => name!);
  expect(names).to.include(object === 'profile' ? 'sample_stack' : 'sched_switch');
  return names;
}

/** Separates the refused programs from the others, before (`was`) and after the refusal, and from added fallbacks. */
function compare(whole: Outcome, { refused, programs }: Outcome) {
  const omitted = refused.split(',').map((name) => name.slice(0, KERNEL_NAME_LENGTH));
  const isOwn = ({ program }: ProgramStatus) => omitted.includes(program.slice(0, KERNEL_NAME_LENGTH));
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

/** Expects that the refused programs report a loss. Programs that are not attached on this kernel anyway lose nothing. */
function expectLoss(
  own: readonly ProgramStatus[],
  was: readonly ProgramStatus[],
  refused: string,
  reason: string,
): void {
  expect(
    own.map(({ program, attached }) => [program, attached]),
    refused,
  ).to.deep.equal(was.map(({ program }) => [program, false]));
  for (const [i, { attached }] of was.entries())
    if (attached)
      expect(own[i]!.detail).to.match(new RegExp(`^${reason}: Operation not permitted: \\w.{10}`));
}

function notes(body: Buffer): string {
  const { profile, text } = decode(body);
  return profile.comment.map(text).join('\n');
}

function functions(body: Buffer): readonly string[] {
  const { profile, text } = decode(body);
  return profile.function.map(({ name }) => text(name));
}

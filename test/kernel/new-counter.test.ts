import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { eventually } from '../eventually.js';
import { fromRoot } from '../../sandbox/paths.js';
import { ExporterProcess } from './exporter-process.js';
import { requireKernel, Sandbox, type Group } from './harness.js';

/** Everything that is edited by hand for a new counter of each container: lines that go before a line. */
const EDITS: Readonly<Record<string, readonly [before: string, inserted: string]>> = {
  'native/bpf/layout.h': ['\tNR_SCALARS,\n', '\tSCALAR_SAMPLES_TAKEN,\n'],
  'native/bpf/sampling.h': [
    '\t/* The kernel is in the upper half',
    '\tadd_to(shard->scalars[SCALAR_SAMPLES_TAKEN], 1);\n',
  ],
  'exporter/series/descriptors.ts': [
    "  {\n    name: 'kernscale_blockio_seconds',",
    `  {
    name: 'kernscale_cpu_samples_taken_total',
    help: 'Samples taken while the container ran.',
    type: 'counter',
    program: 'sample',
    of: 'container',
    series: { samples_taken: {} },
  },
`,
  ],
};
/** Written by `make -C native` and `npm run metrics`. */
const GENERATED = ['docs/metrics.md', 'native/layout.ts', 'scaler/promql/known-metrics.ts'];

const SOURCES = [
  '.prettierrc.json',
  'common',
  'docs/metrics.md',
  'exporter',
  'native',
  'package-lock.json',
  'package.json',
  'rules/prometheus',
  'sandbox',
  'scaler',
  'test/docs',
  'test/unit/exporter',
  'tsconfig.base.json',
];

/** Copies the sources, with what is built of the addon already, so that only what the edits change is built again. */
function copySources(directory: string): void {
  for (const source of SOURCES) {
    cpSync(fromRoot(source), path.join(directory, source), {
      recursive: true,
      preserveTimestamps: true,
      filter: (file) => !/\/(dist|sandbox\/.*build)$/.test(file),
    });
  }
  const modules = path.join(directory, 'node_modules');
  mkdirSync(modules);
  for (const name of readdirSync(fromRoot('node_modules'))) {
    if (name !== 'bpf-linker-napi') symlinkSync(fromRoot(`node_modules/${name}`), path.join(modules, name));
  }
  symlinkSync('../native', path.join(modules, 'bpf-linker-napi'));
  const include = ['exporter', 'test/docs', 'test/unit/exporter/series'];
  const config = { extends: './tsconfig.base.json', compilerOptions: { types: ['node', 'mocha'] }, include };
  writeFileSync(path.join(directory, 'tsconfig.json'), JSON.stringify(config));
}

/** Source files of the copy that differ from ours. */
function changedFiles(directory: string): string[] {
  const files = SOURCES.flatMap((source) =>
    /\.\w+$/.test(source)
      ? [source]
      : readdirSync(fromRoot(source), { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => path.relative(fromRoot('.'), path.join(entry.parentPath, entry.name))),
  ).filter((file) => !/(^|\/)(build|dist)\//.test(file));
  const differs = (file: string) =>
    !readFileSync(path.join(directory, file)).equals(readFileSync(fromRoot(file)));
  return files.filter(differs).sort();
}

describe('a new counter of each container', function () {
  this.timeout(180_000);
  let sandbox: Sandbox | undefined;
  let unit: Group;
  let exporter: ExporterProcess | undefined;

  before(function () {
    requireKernel(() => {
      this.skip();
    });
    sandbox = new Sandbox();
    sandbox.group(undefined, 'system.slice');
    unit = sandbox.group(undefined, 'system.slice/counter.service');
  });

  after(async () => {
    await exporter?.stop('SIGKILL');
    await sandbox?.dispose();
  });

  it('takes the kernel side and one descriptor', async () => {
    const directory = sandbox!.scratch;
    copySources(directory);
    for (const [file, [before, inserted]] of Object.entries(EDITS)) {
      const [start, ...rest] = readFileSync(path.join(directory, file), 'utf8').split(before);
      expect(rest, file).to.have.length(1);
      writeFileSync(path.join(directory, file), `${start!}${inserted}${before}${rest[0]!}`);
    }
    const run = (command: string, ...args: string[]) => {
      execFileSync(command, args, {
        cwd: directory,
        stdio: ['ignore', 'ignore', 'inherit'],
        timeout: 60_000,
      });
    };
    run('make', '-s', '-j2', '-C', 'native');
    run('node_modules/.bin/tsc', '-p', 'native');
    run('node_modules/.bin/tsc', '-p', 'tsconfig.json', '--noEmit');
    run('node_modules/.bin/tsx', 'test/docs/write-metrics.ts');
    expect(changedFiles(directory)).to.deep.equal([...Object.keys(EDITS), ...GENERATED].sort());

    const docs = readFileSync(path.join(directory, 'docs/metrics.md'), 'utf8');
    expect(docs).to.include('| `kernscale_cpu_samples_taken_total` | counter |  | Samples taken');
    const known = readFileSync(path.join(directory, 'scaler/promql/known-metrics.ts'), 'utf8');
    expect(known).to.include("'kernscale_cpu_samples_taken_total'");

    await unit.run('/bin/sh', ['-c', 'echo ready 0; while :; do :; done']);
    const program = [process.execPath, '--import', 'tsx', path.join(directory, 'exporter/main.ts')];
    exporter = new ExporterProcess(['--source', 'host'], [], program);
    const url = await exporter.url();
    await eventually('it counts', async () => {
      const text = await (await fetch(`${url}/metrics`)).text();
      const [, count] =
        /^kernscale_cpu_samples_taken_total\{.*pod="counter\.service".*\} (\d+)$/m.exec(text) ?? [];
      return Number(count ?? 0) > 0;
    });
  });
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { kernscale } from './kernscale-command.js';

const NOWHERE = '--prometheus.url=http://127.0.0.1:1';
/** Every command, as it takes rule files. */
const COMMANDS: readonly (readonly string[])[] = [
  ['check'],
  ['test'],
  ['explain', 'web', NOWHERE],
  ['backtest', NOWHERE],
  ['compare', NOWHERE],
  ['simulate'],
];

function start(...argv: string[]) {
  return spawn(process.execPath, ['--import=tsx', 'scaler/cli.ts', ...argv], { stdio: 'pipe' });
}

/** Packages of node_modules that a command imports, sorted. */
async function packagesLoadedBy(...argv: string[]): Promise<string[]> {
  const hook = `import { writeSync } from 'node:fs';
    export async function resolve(name, context, next) {
      const found = await next(name, context);
      writeSync(2, 'LOADED ' + found.url + '\\n');
      return found;
    }`;
  const register = `import { register } from 'node:module';
    register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hook)}));`;
  const child = spawn(
    process.execPath,
    [
      '--import=tsx',
      `--import=data:text/javascript,${encodeURIComponent(register)}`,
      'scaler/cli.ts',
      ...argv,
    ],
    { stdio: 'pipe' },
  );
  const urls = await text(child.stderr);
  const names = [...urls.matchAll(/^LOADED .*\/node_modules\/((?:@[^/\n]+\/)?[^/\n]+)/gm)].map(
    ([, name]) => name!,
  );
  return [...new Set(names)].filter((name) => name !== 'tsx' && !/esbuild|get-tsconfig/.test(name)).sort();
}

describe('the command line of kernscale', function () {
  this.timeout(60_000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kernscale-manners-'));
  });
  after(() => rm(folder, { recursive: true }));

  for (const [name = '', ...rest] of COMMANDS) {
    it(`${name} describes its arguments, and reports each unusable file in one line`, async () => {
      const help = await kernscale(name, '--help');
      expect(help).to.include({ status: 0, stderr: '' });
      expect(help.stdout).to.match(new RegExp(`^Usage: kernscale ${name} `));
      expect(help.stdout).to.contain('--json');
      const garbage = join(folder, 'garbage.yaml');
      await writeFile(garbage, `"${'x'.repeat(500)}"\n`);
      for (const file of [garbage, join(folder, 'none.yaml'), join(folder, '*.json')]) {
        const { status, stdout, stderr } = await kernscale(name, ...rest, file);
        expect({ status, stdout }, file).to.deep.equal({ status: 1, stdout: '' });
        expect(stderr.split('\n')[0]).to.match(/^\S+:1:1: .{1,250} \[RULE_\w+\]$/);
        expect(stderr).not.to.match(/^\s+at /m);
      }
    });
  }

  it('reads a rule file from standard input', async () => {
    const child = start('check', '-');
    child.stdin.end(await readFile('rules/scaling/default.yaml'));
    expect(await text(child.stdout)).to.equal('SUCCESS: 1 rule found\n');
  });

  it('names the command for a file of rule tests', async () => {
    const { stderr } = await kernscale('check', 'rules/tests/demo.yaml');
    expect(stderr).to.contain('run it with kernscale test [RULE_WRONG_FILE]');
  });

  it('prints the version, and scripts that complete commands and flags', async () => {
    expect((await kernscale('--version')).stdout).to.match(/^\d+\.\d+\.\d+\n$/);
    const help = (await kernscale('--help')).stdout;
    const named = [...help.matchAll(/^ {2}(\w+) [A-Z]+/gm)].map(([, name]) => name);
    const listed = (await kernscale('--list-flags')).stdout;
    expect(
      listed
        .trimEnd()
        .split('\n')
        .map((line) => line.split('\t')[0]),
    ).to.deep.equal(named);
    expect((await kernscale('check', '--list-flags')).stdout).to.match(/^--json\t.+\n(--\S+\t.+\n)+$/);
    expect((await kernscale('completion', 'ksh')).stderr).to.contain('shells: bash, zsh, fish [BAD_FLAG]');
    const completed = async (...words: string[]): Promise<string> => {
      const script = `kernscale() { "$NODE" --import=tsx scaler/cli.ts "$@"; }
        eval "$(kernscale completion bash)"
        COMP_WORDS=(kernscale "$@"); COMP_CWORD=$#; _kernscale; echo "\${COMPREPLY[@]}"`;
      const env = { ...process.env, NODE: process.execPath };
      return text(spawn('bash', ['-c', script, 'bash', ...words], { env, stdio: 'pipe' }).stdout);
    };
    expect(await completed('ch')).to.equal('check\n');
    expect(await completed('check', '--lint')).to.equal('--lint --lint-fatal\n');
  });

  it('loads only what checking a file needs: it starts in a quarter of a second', async () => {
    const packages = await packagesLoadedBy('check', 'rules/scaling/default.yaml');
    expect(packages).to.deep.equal([
      '@lezer/common',
      '@lezer/highlight',
      '@lezer/lr',
      '@prometheus-io/lezer-promql',
      'commander',
      'yaml',
      'zod',
    ]);
    expect(await packagesLoadedBy('--version')).to.deep.equal(['commander']);
  });

  it('exits quietly on a closed pipe', async () => {
    const child = start('simulate', '--json', 'rules/scaling/default.yaml');
    child.stdout.destroy();
    const stderr = text(child.stderr);
    expect((await once(child, 'exit'))[0]).to.equal(141);
    expect(await stderr).to.equal('');
  });

  it('reports a full disk in one sentence', async () => {
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, ['--import=tsx', 'scaler/cli.ts', '--help'], {
      stdio: ['ignore', full, 'pipe'],
    });
    closeSync(full);
    expect(await text(child.stderr!)).to.match(/^kernscale: cannot write .* ENOSPC.* \[CANNOT_WRITE\]\n$/);
  });
});

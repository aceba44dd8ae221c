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

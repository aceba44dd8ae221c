import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { requireKernel, Sandbox } from './harness.js';

const NATIVE = path.join(import.meta.dirname, '../../native');
const SCRIPT = path.join(import.meta.dirname, 'sanitized.ts');
const BUILD_TIMEOUT_MS = 60_000;

describe('the addon under AddressSanitizer and UndefinedBehaviorSanitizer', function () {
  this.timeout(120_000);
  let sandbox: Sandbox;

  before(function () {
    requireKernel(() => {
      this.skip();
    });
    this.timeout(BUILD_TIMEOUT_MS);
    execFileSync('make', ['-s', '-C', NATIVE, 'sanitized']);
    sandbox = new Sandbox();
  });

  after(() => sandbox.dispose());

  it('makes no invalid access, no undefined operation and no leak', async () => {
    const group = sandbox.group();
    const index = copyInterface(path.join(sandbox.scratch, 'native'));
    const node = [
      process.execPath,
      '--expose-gc',
      '--import',
      'tsx',
      SCRIPT,
      index,
      group.path,
      sandbox.scratch,
    ];
    const enter = 'echo $$ > "$1/cgroup.procs" && shift && exec env "$@"';
    const child = spawn('sh', ['-c', enter, 'sh', group.path, `LD_PRELOAD=${asanLibrary()}`, ...node], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [stdout, stderr, [status]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit') as Promise<[number | null]>,
    ]);
    expect(stderr).to.equal('');
    expect([status, stdout]).to.deep.equal([0, 'done\n']);
  });
});

/** Copies the TypeScript interface with the sanitized addon in place of the addon. Returns the path of index.ts. */
function copyInterface(directory: string): string {
  mkdirSync(path.join(directory, 'build'), { recursive: true });
  const sources = readdirSync(NATIVE).filter((name) => name.endsWith('.ts'));
  for (const name of [...sources, 'package.json'])
    copyFileSync(path.join(NATIVE, name), path.join(directory, name));
  const addon = path.join('build', 'kernscale.node');
  copyFileSync(path.join(NATIVE, 'build', 'sanitized', 'kernscale.node'), path.join(directory, addon));
  return path.join(directory, 'index.ts');
}

/** Path of the runtime of AddressSanitizer, which a process that is not compiled with it must load first. */
function asanLibrary(): string {
  return execFileSync('cc', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim();
}

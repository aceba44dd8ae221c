import { execFile } from 'node:child_process';
import { chmod, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { fromRoot } from '../../../sandbox/paths.js';

/** A machine without any package, on which fakes stand in for Debian's programs. */
const PROGRAMS: Record<string, string> = {
  'dpkg-query': '',
  id: 'echo "${FAKE_UID:-0}"',
  'apt-cache': `
if [ "$1" = pkgnames ]; then printf '%s\\n' clang-9 clang-16 clang-14 clang-16-doc
elif [ "$2" = "$ABSENT" ]; then echo 'Candidate: (none)'
else echo 'Candidate: 1.0'; fi`,
  'apt-get': `
echo "$*" >>"$APT_LOG"
case "$*" in *install*) echo 'E: the disk is full' >&2; exit 100 ;; esac`,
};

describe('set-up', function () {
  this.timeout(30_000);
  let root: string;

  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'kernscale-setup-'));
    await cp(fromRoot('scripts'), join(root, 'scripts'), { recursive: true });
    for (const [name, script] of Object.entries(PROGRAMS)) {
      await writeFile(join(root, name), `#!/bin/sh\n${script}\n`);
      await chmod(join(root, name), 0o755);
    }
  });
  after(() => rm(root, { recursive: true }));

  async function setUp(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const log = join(root, 'apt.log');
    await writeFile(log, '');
    const path = `${root}:${process.env['PATH'] ?? ''}`;
    const options = { env: { ...process.env, PATH: path, APT_LOG: log, ...env } };
    const [status, stderr] = await new Promise<[unknown, string]>((resolve) => {
      execFile(join(root, 'scripts/setup.sh'), args, options, (error, _stdout, text) => {
        resolve([error?.code ?? 0, text]);
      });
    });
    return { status, lines: stderr.trimEnd().split('\n'), apt: await readFile(log, 'utf8') };
  }

  it('requests the newest clang, and shows the output of apt when it fails', async () => {
    const { status, lines, apt } = await setUp([]);
    expect(status).to.equal(1);
    expect(apt).to.match(/^install -y .* clang-16 bpftool gcc /m);
    expect(lines[0]).to.match(/^setup: installing clang-16 bpftool gcc .* …$/);
    expect(lines).to.include('  | E: the disk is full');
    expect(lines.at(-1)).to.match(/^setup: installing .* failed; the full log is in \.cache\/setup\.log$/);
  });

  it('names the package that no source has, after updating the lists', async () => {
    const { status, lines, apt } = await setUp([], { ABSENT: 'libelf-dev' });
    expect(status).to.equal(1);
    expect(apt).to.equal('update\n');
    expect(lines[0]).to.equal('setup: updating the package lists …');
    expect(lines.at(-1)).to.equal(
      'setup: no apt source has libelf-dev; add one that does, or install the package by hand',
    );
  });

  it('lists what to install when it does not run as root', async () => {
    const { status, lines } = await setUp([], { FAKE_UID: '1000' });
    expect(status).to.equal(1);
    expect(lines).to.have.length(1);
    expect(lines[0]).to.match(
      /^setup: run this as root once, or install these Debian packages: clang-\* .*zlib1g-dev/,
    );
  });

  it('rejects an unknown flag', async () => {
    const { status, lines } = await setUp(['--tset']);
    expect(status).to.equal(1);
    expect(lines).to.deep.equal(['setup: unknown flag --tset; the flags are --test, --kernels and --bench']);
  });
});

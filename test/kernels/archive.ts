import { execFile } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { errorMessage, KernscaleError } from '../../common/errors.js';
import type { Architecture } from './kernels.js';

const run = promisify(execFile);
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Some of a suite's packages, for any architecture. */
export interface Wanted {
  readonly suite: string;
  readonly architecture: Architecture;
  /** Packages that depend on what is wanted, or are it. */
  readonly roots: readonly string[];
  /** Which of all those to download. */
  readonly wants: (name: string) => boolean;
}

/**
 * Downloads packages of Debian's and unpacks them to `work/tree`; answers the files there. Nothing is installed, and
 * the machine's own apt sources and lists are not touched: apt works on a configuration of ours below `work`.
 *
 * @throws KernscaleError `NO_MIRROR`, `APT_FAILED` with apt's own sentence
 */
export async function unpackPackages(
  wanted: Wanted,
  work: string,
  mirror?: string,
): Promise<readonly string[]> {
  const debs = join(work, 'debs');
  const tree = join(work, 'tree');
  for (const directory of ['lists/partial', 'cache/archives/partial', 'debs', 'tree'])
    await mkdir(join(work, directory), { recursive: true });
  const { architecture, suite, roots, wants } = wanted;
  const source = `deb [arch=${architecture} signed-by=${KEYRING}] ${mirror ?? (await ownMirror())} ${suite} main`;
  await writeFile(join(work, 'sources.list'), `${source}\n`);
  const settings = aptOptions(work, architecture);
  await apt('apt-get', [...settings, 'update', '--error-on=any'], debs);
  const depends = await apt(
    'apt-cache',
    [...settings, 'depends', '--recurse', '--important', ...roots],
    debs,
  );
  const packages = depends.split('\n').filter((line) => /^\w/.test(line) && wants(line));
  await apt('apt-get', [...settings, 'download', ...packages], debs);
  for (const deb of await readdir(debs)) await run('dpkg-deb', ['-x', join(debs, deb), tree]);
  return readdir(tree, { recursive: true });
}

/** The Debian archive that this machine's apt already uses, so that a local mirror or proxy is respected. */
async function ownMirror(): Promise<string> {
  const args = ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages'];
  const targets = await apt('apt-get', args, '/');
  const mirror = targets.split('\n').find((uri) => /\/debian\/?$/.test(uri));
  if (!mirror)
    throw new KernscaleError('NO_MIRROR', "apt's sources name no Debian archive; give --mirror URL");
  return mirror;
}

/** Runs one of apt's programs; its own sentence is the error's. */
async function apt(program: string, args: readonly string[], cwd: string): Promise<string> {
  try {
    return (await run(program, args, { cwd, maxBuffer: 64 << 20 })).stdout;
  } catch (error) {
    const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
    const sentence = /^E: (.*)/m.exec(stderr)?.[1];
    throw new KernscaleError('APT_FAILED', sentence ?? errorMessage(error));
  }
}

function aptOptions(work: string, architecture: Architecture): string[] {
  const settings = [
    `Dir::Etc::sourcelist=${join(work, 'sources.list')}`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State::lists=${join(work, 'lists')}`,
    'Dir::State::status=/dev/null',
    `Dir::Cache=${join(work, 'cache')}`,
    `APT::Architecture=${architecture}`,
    `APT::Architectures::=${architecture}`,
    'APT::Sandbox::User=root', // the cache need not be readable by apt's own user
    'Acquire::Languages=none',
    'Acquire::Retries=3',
  ];
  return settings.flatMap((setting) => ['-o', setting]);
}

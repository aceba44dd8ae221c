import { execFile } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { errorMessage, KernscaleError } from '../../common/errors.js';

const run = promisify(execFile);
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Debian's names of processor architectures. */
export type Architecture = 'amd64' | 'arm64';

/** A selection of a suite's packages. */
export interface Selection {
  readonly suite: string;
  readonly architecture: Architecture;
  /** Packages whose dependencies, themselves included, are selected from. */
  readonly roots: readonly string[];
  /** True for a package to download. */
  readonly isWanted: (name: string) => boolean;
}

/**
 * Downloads Debian packages, unpacks them to `work/tree` and returns the files there. Nothing is installed, and the
 * machine's apt sources and lists stay as they are: apt runs on a configuration below `work`.
 *
 * @throws KernscaleError `NO_MIRROR`, `APT_FAILED` with apt's own message
 */
export async function unpackPackages(
  selection: Selection,
  work: string,
  mirror?: string,
): Promise<readonly string[]> {
  const debs = join(work, 'debs');
  const tree = join(work, 'tree');
  for (const directory of ['lists/partial', 'cache/archives/partial', 'debs', 'tree'])
    await mkdir(join(work, directory), { recursive: true });
  const { architecture, suite, roots, isWanted } = selection;
  const source = `deb [arch=${architecture} signed-by=${KEYRING}] ${mirror ?? (await hostMirror())} ${suite} main`;
  await writeFile(join(work, 'sources.list'), `${source}\n`);
  const settings = aptOptions(work, architecture);
  await apt('apt-get', [...settings, 'update', '--error-on=any'], debs);
  const depends = await apt(
    'apt-cache',
    [...settings, 'depends', '--recurse', '--important', ...roots],
    debs,
  );
  const packages = depends.split('\n').filter((line) => /^\w/.test(line) && isWanted(line));
  await apt('apt-get', [...settings, 'download', ...packages], debs);
  for (const deb of await readdir(debs)) await run('dpkg-deb', ['-x', join(debs, deb), tree]);
  return readdir(tree, { recursive: true });
}

/** Returns the Debian archive that this machine's apt uses, so that a local mirror or proxy is respected. */
async function hostMirror(): Promise<string> {
  const args = ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages'];
  const targets = await apt('apt-get', args, '/');
  const mirror = targets.split('\n').find((uri) => /\/debian\/?$/.test(uri));
  if (!mirror)
    throw new KernscaleError('NO_MIRROR', "apt's sources name no Debian archive; give --mirror URL");
  return mirror;
}

/** Runs one of apt's programs and throws its own error message. */
async function apt(program: string, args: readonly string[], cwd: string): Promise<string> {
  try {
    return (await run(program, args, { cwd, maxBuffer: 64 << 20 })).stdout;
  } catch (error) {
    const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
    const message = /^E: (.*)/m.exec(stderr)?.[1];
    throw new KernscaleError('APT_FAILED', message ?? errorMessage(error));
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

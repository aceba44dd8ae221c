import { execFile } from 'node:child_process';
import { access, copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { errorMessage, KernscaleError } from '../../common/errors.js';
import { fromRoot } from '../loop/paths.js';
import type { KernelChoice } from './kernels.js';
import { loadOrder, moduleIndex } from './modules.js';

const run = promisify(execFile);
/** Keeps unpacked kernels, and the consoles of their guests, between runs. */
export const CACHE = fromRoot('.cache/kernels');
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const META_PACKAGE = 'linux-image-amd64';
/** Up to 7.1 one package held everything; since then the image, its modules and what they share are apart. */
const KERNEL_PACKAGE = /^linux-(image|binary|modules)-\d.*-amd64$/;

/** A kernel ready to boot: its image and the modules our guest loads, in loading order. */
export interface Kernel {
  readonly name: string;
  /** What `uname -r` answers in the guest. */
  readonly release: string;
  readonly image: string;
  readonly modules: readonly string[];
}

export interface FetchOptions {
  /** Debian archive to download from; the machine's own by default. */
  readonly mirror?: string;
  /** Ask the archive for a newer package although one is cached. */
  readonly update?: boolean;
}

/**
 * The suite's newest kernel, unpacked below the cache and never installed. The machine's own apt sources and
 * lists are not touched: apt works on a configuration of ours.
 *
 * @throws KernscaleError `KERNEL_UNAVAILABLE` when the archive cannot be reached or lacks the package
 */
export async function fetchKernel(choice: KernelChoice, options: FetchOptions = {}): Promise<Kernel> {
  const home = join(CACHE, choice.name);
  if (options.update || !(await exists(join(home, 'release')))) {
    const work = `${home}.new`;
    await rm(work, { recursive: true, force: true });
    try {
      await unpack(await download(choice, work, options.mirror ?? (await ownMirror())), work);
      await rm(home, { recursive: true, force: true });
      await rename(join(work, 'kept'), home);
    } catch (error) {
      throw new KernscaleError('KERNEL_UNAVAILABLE', `no kernel of Debian ${choice.suite} can be had`, {
        cause: error,
      });
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
  const modules = await readdir(join(home, 'modules'));
  return {
    name: choice.name,
    release: await readFile(join(home, 'release'), 'utf8'),
    image: join(home, 'vmlinuz'),
    modules: modules.sort().map((file) => join(home, 'modules', file)),
  };
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

/** Downloads the packages that make up the kernel; answers their paths. */
async function download(choice: KernelChoice, work: string, mirror: string): Promise<string[]> {
  const debs = join(work, 'debs');
  for (const directory of ['lists/partial', 'cache/archives/partial', 'debs'])
    await mkdir(join(work, directory), { recursive: true });
  const sources = join(work, 'sources.list');
  await writeFile(sources, `deb [arch=amd64 signed-by=${KEYRING}] ${mirror} ${choice.suite} main\n`);
  const settings = aptOptions(work, sources);
  await apt('apt-get', [...settings, 'update', '--error-on=any'], debs);
  const depends = await apt(
    'apt-cache',
    [...settings, 'depends', '--recurse', '--important', META_PACKAGE],
    debs,
  );
  const packages = depends.split('\n').filter((line) => KERNEL_PACKAGE.test(line));
  await apt('apt-get', [...settings, 'download', ...packages], debs);
  return (await readdir(debs)).map((file) => join(debs, file));
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

function aptOptions(work: string, sources: string): string[] {
  const settings = [
    `Dir::Etc::sourcelist=${sources}`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State::lists=${join(work, 'lists')}`,
    'Dir::State::status=/dev/null',
    `Dir::Cache=${join(work, 'cache')}`,
    'APT::Architecture=amd64',
    'APT::Sandbox::User=root', // the cache need not be readable by apt's own user
    'Acquire::Languages=none',
    'Acquire::Retries=3',
  ];
  return settings.flatMap((setting) => ['-o', setting]);
}

/** Keeps the image and the modules the guest needs: a hundredth of what the packages hold. */
async function unpack(debs: readonly string[], work: string): Promise<void> {
  const tree = join(work, 'tree');
  const kept = join(work, 'kept');
  for (const deb of debs) await run('dpkg-deb', ['-x', deb, tree]);
  const files = await readdir(tree, { recursive: true });
  const image = files.find((file) => /(^|\/)vmlinuz(-[^/]*)?$/.test(file));
  const release = files.map((file) => /lib\/modules\/([^/]+)\/kernel$/.exec(file)?.[1]).find(Boolean);
  if (!image || !release) throw new KernscaleError('NO_KERNEL', 'the packages hold no vmlinuz or no modules');

  await mkdir(join(kept, 'modules'), { recursive: true });
  await copyFile(join(tree, image), join(kept, 'vmlinuz'));
  const order = await loadOrder(moduleIndex(files), (file) => readModule(join(tree, file)));
  for (const [i, module] of order.entries())
    await writeFile(
      join(kept, 'modules', `${String(i).padStart(2, '0')}-${module.name}.ko`),
      module.contents,
    );
  await writeFile(join(kept, 'release'), release);
}

/** A module's bytes, decompressed: a kernel's own decompression of modules is optional. */
async function readModule(path: string): Promise<Buffer> {
  if (!path.endsWith('.xz')) return readFile(path);
  return (await run('xz', ['-dc', path], { encoding: 'buffer', maxBuffer: 64 << 20 })).stdout;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

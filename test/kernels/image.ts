import { execFile } from 'node:child_process';
import { access, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { KernscaleError } from '../../common/errors.js';
import { fromRoot } from '../loop/paths.js';
import { writeInitramfs, type GuestFile } from './initramfs.js';
import type { Kernel } from './packages.js';

const run = promisify(execFile);
const SOURCES = 'test/kernels/guest';
const HOME = '/kernscale';
const PACKAGE = `${HOME}/node_modules/bpf-linker-napi`;
const MOUNT_POINTS = ['/proc', '/sys', '/dev', '/disk', '/tmp'];

/** Everything of the guest but the kernel's own files: the same for every kernel. */
export async function guestFiles(): Promise<GuestFile[]> {
  await run('make', ['-C', fromRoot(SOURCES)]);
  const addon = fromRoot('native/build/kernscale.node');
  return [
    { path: '/init', source: fromRoot(join(SOURCES, 'init.sh')), executable: true },
    { path: '/bin/busybox', source: await busybox(), executable: true },
    { path: '/bin/node', source: process.execPath, executable: true },
    { path: '/bin/tasks', source: fromRoot(join(SOURCES, 'build/tasks')), executable: true },
    ...(await libraries([process.execPath, addon])),
    { path: `${HOME}/package.json`, source: Buffer.from('{"type":"module"}') },
    ...(await scripts(fromRoot(join('dist', SOURCES)), join(HOME, SOURCES))),
    { path: `${PACKAGE}/package.json`, source: fromRoot('native/package.json') },
    ...(await scripts(fromRoot('native/dist'), `${PACKAGE}/dist`)),
    { path: `${PACKAGE}/build/kernscale.node`, source: addon },
  ];
}

export async function buildInitramfs(
  target: string,
  files: readonly GuestFile[],
  kernel: Kernel,
): Promise<void> {
  const modules = kernel.modules.map((source) => ({ path: `/modules/${basename(source)}`, source }));
  await writeInitramfs(target, [...files, ...modules], MOUNT_POINTS);
}

/** The compiled JavaScript of a directory. */
async function scripts(from: string, to: string): Promise<GuestFile[]> {
  const files = await readdir(from).catch((error: unknown) => {
    throw new KernscaleError('NOT_BUILT', 'the guest runs what is built: run npm run build first', {
      cause: error,
    });
  });
  return files
    .filter((file) => file.endsWith('.js'))
    .map((file) => ({ path: join(to, file), source: join(from, file) }));
}

/** The shared libraries that the binaries are linked with, at the paths where their loader looks for them. */
async function libraries(binaries: readonly string[]): Promise<GuestFile[]> {
  const { stdout } = await run('ldd', [...binaries]);
  const paths = new Set([...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path!));
  return [...paths].map((path) => ({ path, source: path, executable: true }));
}

async function busybox(): Promise<string> {
  for (const path of ['/bin/busybox', '/usr/bin/busybox'])
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      return path;
  throw new KernscaleError('NO_BUSYBOX', 'busybox is missing; install busybox-static');
}

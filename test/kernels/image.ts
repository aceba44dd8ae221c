import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { KernscaleError } from '../../common/errors.js';
import { fromRoot } from '../../sandbox/paths.js';
import { writeInitramfs, type GuestFile } from './initramfs.js';
import type { Kernel } from './packages.js';
import type { Userland } from './userland.js';

const SOURCES = 'test/kernels/guest';
const HOME = '/kernscale';
const PACKAGE = `${HOME}/node_modules/bpf-linker-napi`;
const MOUNT_POINTS = ['/proc', '/sys', '/dev', '/disk', '/tmp'];

/** Everything of the guest but the kernel's own files. */
export async function guestFiles(userland: Userland): Promise<GuestFile[]> {
  const { node, busybox, tasks, addon, libraries } = userland;
  return [
    { path: '/init', source: fromRoot(join(SOURCES, 'init.sh')), executable: true },
    { path: '/bin/busybox', source: busybox, executable: true },
    { path: '/bin/node', source: node, executable: true },
    { path: '/bin/tasks', source: tasks, executable: true },
    ...libraries,
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

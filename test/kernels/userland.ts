import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { KernscaleError } from '../../common/errors.js';
import { fromRoot } from '../../sandbox/paths.js';
import type { GuestFile } from './initramfs.js';

const run = promisify(execFile);
const SOURCES = 'test/kernels/guest';
const HOME = '/kernscale';
const PACKAGE = `${HOME}/node_modules/bpf-linker-napi`;

/** Programs that run in a guest, built for its architecture. */
export interface Userland {
  readonly node: string;
  readonly busybox: string;
  readonly tasks: string;
  readonly addon: string;
  /** Shared libraries of these programs, at the paths where their loader looks for them. */
  readonly libraries: readonly GuestFile[];
}

/** This machine's own programs. */
export async function hostUserland(): Promise<Userland> {
  await run('make', ['-C', fromRoot(SOURCES)]);
  const addon = fromRoot('native/build/kernscale.node');
  return {
    node: process.execPath,
    busybox: firstFile(['/bin/busybox', '/usr/bin/busybox'], 'install busybox-static'),
    tasks: fromRoot(join(SOURCES, 'build/tasks')),
    addon,
    libraries: await libraries([process.execPath, addon]),
  };
}

/**
 * Returns the first path that exists.
 *
 * @param hint remedy if none does
 * @throws KernscaleError `NO_FILE`
 */
export function firstFile(paths: readonly string[], hint: string): string {
  const found = paths.find((path) => existsSync(path));
  if (found === undefined) throw new KernscaleError('NO_FILE', `${basename(paths[0]!)} is missing; ${hint}`);
  return found;
}

async function libraries(binaries: readonly string[]): Promise<GuestFile[]> {
  const { stdout } = await run('ldd', [...binaries]);
  const paths = new Set([...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path!));
  return [...paths].map((path) => ({ path, source: path, executable: true }));
}

/** Every file of the guest, the kernel's modules included. */
export async function guestFiles(userland: Userland, modules: readonly string[]): Promise<GuestFile[]> {
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
    ...modules.map((source) => ({ path: `/modules/${basename(source)}`, source })),
  ];
}

/** The compiled JavaScript of a directory. */
async function scripts(from: string, to: string): Promise<GuestFile[]> {
  const files = await readdir(from).catch((error: unknown) => {
    throw new KernscaleError('NOT_BUILT', 'the guest runs the built JavaScript; run `npm run build` first', {
      cause: error,
    });
  });
  return files
    .filter((file) => file.endsWith('.js'))
    .map((file) => ({ path: join(to, file), source: join(from, file) }));
}

import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { promisify } from 'node:util';
import { KernscaleError } from '../../common/errors.js';
import { fromRoot } from '../../sandbox/paths.js';
import type { GuestFile } from './initramfs.js';

const run = promisify(execFile);

/** What runs in a guest, built for its architecture. */
export interface Userland {
  readonly node: string;
  readonly busybox: string;
  readonly tasks: string;
  readonly addon: string;
  /** Shared libraries of all these, at the paths where their loader looks for them. */
  readonly libraries: readonly GuestFile[];
}

/** What this machine runs itself. */
export async function ownUserland(): Promise<Userland> {
  await run('make', ['-C', fromRoot('test/kernels/guest')]);
  const addon = fromRoot('native/build/kernscale.node');
  return {
    node: process.execPath,
    busybox: await busybox(),
    tasks: fromRoot('test/kernels/guest/build/tasks'),
    addon,
    libraries: await libraries([process.execPath, addon]),
  };
}

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

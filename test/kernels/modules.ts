import { basename } from 'node:path';
import { KernscaleError } from '../../common/errors.js';

/**
 * Modules that the guest needs; one without a file is built in. ext4 requests crc32c by name at run time, so no
 * dependency mentions it.
 */
const WANTED = ['crc32c_generic', 'virtio_pci', 'virtio_blk', 'ext4'];

export interface Module {
  readonly name: string;
  readonly contents: Buffer;
}

/** Maps module names (with underscores, as in the kernel) to their files. */
export function moduleIndex(files: readonly string[]): Map<string, string> {
  const index = new Map<string, string>();
  for (const file of files) {
    const name = /^(.+)\.ko(?:\.\w+)?$/.exec(basename(file))?.[1];
    if (name) index.set(kernelName(name), file);
  }
  return index;
}

/**
 * Lists the wanted modules and their dependencies, each after its own dependencies.
 *
 * @throws KernscaleError `NO_MODULE` when a dependency has no file
 */
export async function loadOrder(
  index: ReadonlyMap<string, string>,
  read: (file: string) => Promise<Buffer>,
): Promise<Module[]> {
  const order: Module[] = [];
  const visited = new Set<string>();
  const visit = async (name: string): Promise<void> => {
    if (visited.has(name)) return;
    visited.add(name);
    const file = index.get(name);
    if (file === undefined) throw new KernscaleError('NO_MODULE', `the kernel's packages lack ${name}.ko`);
    const contents = await read(file);
    for (const dependency of dependencies(contents)) await visit(dependency);
    order.push({ name, contents });
  };
  for (const name of WANTED) if (index.has(name)) await visit(name);
  return order;
}

/** Parses the `depends` entry of a module's .modinfo section, which holds NUL-terminated `key=value` strings. */
export function dependencies(module: Buffer): string[] {
  const start = module.indexOf('\0depends=');
  if (start < 0) return [];
  const value = start + '\0depends='.length;
  const names = module.subarray(value, module.indexOf(0, value)).toString('latin1');
  return names === '' ? [] : names.split(',').map(kernelName);
}

function kernelName(name: string): string {
  return name.replaceAll('-', '_');
}

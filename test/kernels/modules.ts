import { basename } from 'node:path';
import { KernscaleError } from '../../common/errors.js';

/**
 * What the guest needs of the kernel beyond its image; what no file holds is built in. ext4 asks for crc32c by
 * name at run time, so no dependency mentions it.
 */
const WANTED = ['crc32c_generic', 'virtio_pci', 'virtio_blk', 'ext4'];

export interface Module {
  readonly name: string;
  readonly contents: Buffer;
}

/** Module names (with underscores, as the kernel calls them) to the files that hold them. */
export function moduleIndex(files: readonly string[]): Map<string, string> {
  const index = new Map<string, string>();
  for (const file of files) {
    const name = /^(.+)\.ko(?:\.\w+)?$/.exec(basename(file))?.[1];
    if (name) index.set(kernelName(name), file);
  }
  return index;
}

/**
 * The wanted modules and all they depend on, each after its dependencies.
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

/** The `depends` entry of a module's .modinfo section: NUL-terminated `key=value` strings. */
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

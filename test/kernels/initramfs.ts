import { open, readFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A file of the guest: its absolute path there, and its contents or the file to copy. */
export interface GuestFile {
  readonly path: string;
  readonly source: string | Buffer;
  readonly executable?: boolean;
}

const DIRECTORY = 0o040755;
const FILE = 0o100644;
const EXECUTABLE = 0o100755;
const TRAILER = 'TRAILER!!!';

/** Writes the files and their directories as a cpio archive that the kernel unpacks at boot. */
export async function writeInitramfs(
  target: string,
  files: readonly GuestFile[],
  directories: readonly string[],
): Promise<void> {
  const archive = await open(target, 'w');
  try {
    let inode = 0;
    for (const path of withParents([...files.map((file) => dirname(file.path)), ...directories]))
      await writeEntry(archive, path, DIRECTORY, ++inode, Buffer.alloc(0));
    for (const { path, source, executable } of files) {
      const contents = typeof source === 'string' ? await readFile(source) : source;
      await writeEntry(archive, path, executable ? EXECUTABLE : FILE, ++inode, contents);
    }
    await archive.writeFile(entryHeader(TRAILER, 0, 0, 0));
  } finally {
    await archive.close();
  }
}

async function writeEntry(
  archive: FileHandle,
  path: string,
  mode: number,
  inode: number,
  contents: Buffer,
): Promise<void> {
  await archive.writeFile(entryHeader(path.slice(1), mode, inode, contents.length));
  await archive.writeFile(contents);
  await archive.writeFile(Buffer.alloc(padding(contents.length)));
}

/** Lists each directory once, parents first: the kernel does not create missing ones. */
export function withParents(directories: readonly string[]): string[] {
  const all = new Set<string>();
  for (const directory of directories)
    for (let path = directory; path !== '/'; path = dirname(path)) all.add(path);
  return [...all].sort();
}

/** Header in the "newc" format (Linux, Documentation/driver-api/early-userspace/buffer-format.rst). */
function entryHeader(name: string, mode: number, inode: number, size: number): Buffer {
  const [uid, gid, links, mtime, device, check] = [0, 0, 1, 0, 0, 0];
  const fields = [inode, mode, uid, gid, links, mtime, size, device, device, device, device];
  const numbers = [...fields, name.length + 1, check].map((n) => n.toString(16).padStart(8, '0'));
  const header = `070701${numbers.join('')}${name}\0`;
  return Buffer.from(header + '\0'.repeat(padding(header.length)), 'latin1');
}

/** Headers and contents are each padded to a multiple of four bytes. */
function padding(length: number): number {
  return (4 - (length % 4)) % 4;
}

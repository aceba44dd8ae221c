import { closeSync, fstatSync, readFileSync, readSync } from 'node:fs';
import { openBelow } from 'bpf-linker-napi';
import type { ReadAt } from './elf.js';
import type { Module } from './modules.js';

const MAX_TEXT_BYTES = 64 * 1024 * 1024;
/** Processes that are tried for a file: enough that one of them is still there. */
const MAX_TRIED = 32;

/** A file that is open. */
export interface OpenFile {
  readonly read: ReadAt;
  readonly size: number;
  readonly inode: bigint;
}

/** Files as processes in containers see them, of whatever user: which takes CAP_SYS_PTRACE. */
export class ProcessFiles {
  /**
   * @param procfs where procfs is mounted, which must show the host's processes
   * @param pids processes of the same containers, the newest last
   */
  constructor(
    private readonly procfs: string,
    private readonly pids: readonly number[],
  ) {}

  /**
   * Opens a file for as long as `work` takes.
   *
   * @returns undefined when it cannot be opened, or is no ordinary file
   */
  with<T>(pid: number, path: string, work: (file: OpenFile) => T): T | undefined {
    const file = openBelow(`${this.procfs}/${pid}/root`, path);
    if (file === undefined) return undefined;
    try {
      const stat = fstatSync(file, { bigint: true });
      if (!stat.isFile()) return undefined;
      return work({ read: readerOf(file, Number(stat.size)), size: Number(stat.size), inode: stat.ino });
    } finally {
      closeSync(file);
    }
  }

  /** The file that a module is of, unless another has taken its place since. Of a process that ended, others have it. */
  withModule<T>({ pid, path, inode }: Module, work: (file: OpenFile) => T): T | undefined {
    if (path === '') return undefined;
    for (const one of new Set([pid, ...this.pids.slice(-MAX_TRIED).reverse()])) {
      const result = this.with(one, path, (file) => (file.inode === inode ? { of: work(file) } : undefined));
      if (result) return result.of;
    }
    return undefined;
  }

  /** What the process has written for perf; a process in a container knows itself by another number. */
  perfMap(pid: number): string | undefined {
    const known = this.#ownPid(pid);
    if (known === undefined) return undefined;
    return this.with(pid, `/tmp/perf-${known}.map`, ({ read, size }) =>
      read(0, Math.min(size, MAX_TEXT_BYTES)).toString('utf8'),
    );
  }

  /** Its process id in its own PID namespace. */
  #ownPid(pid: number): string | undefined {
    try {
      return /^NSpid:.*\s(\d+)$/m.exec(readFileSync(`${this.procfs}/${pid}/status`, 'utf8'))?.[1];
    } catch {
      return undefined; // it has ended
    }
  }
}

function readerOf(file: number, size: number): ReadAt {
  return (offset, length) => {
    const buffer = Buffer.alloc(Math.max(0, Math.min(length, size - offset)));
    let got = 0;
    while (got < buffer.length) {
      const some = readSync(file, buffer, got, buffer.length - got, offset + got);
      if (some === 0) break;
      got += some;
    }
    return buffer.subarray(0, got);
  };
}

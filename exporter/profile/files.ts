import { closeSync, fstatSync, readFileSync, readSync } from 'node:fs';
import { openBelow } from 'bpf-linker-napi';
import type { ReadAt } from './elf.js';
import type { Module } from './recording.js';

const MAX_TEXT_BYTES = 64 * 1024 * 1024;
/** Processes to try for a file: enough that one of them still runs. */
const MAX_TRIED = 32;

interface OpenFile {
  readonly read: ReadAt;
  readonly size: number;
  readonly inode: bigint;
}

/** Files as processes in containers see them. Reading those of other users takes CAP_SYS_PTRACE. */
export class ProcessFiles {
  /**
   * @param procfs mount point of a procfs that shows the host's processes
   * @param pids processes of the same containers, the newest last
   */
  constructor(
    private readonly procfs: string,
    private readonly pids: readonly number[],
  ) {}

  /**
   * Opens a file while `work` runs.
   *
   * @returns undefined when the file cannot be opened, or is not a regular file
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

  /** Opens the file of a module, unless it was replaced. If its process has ended, another process is tried. */
  withModule<T>({ pid, path, inode }: Module, work: (file: OpenFile) => T): T | undefined {
    if (path === '') return undefined;
    for (const one of new Set([pid, ...this.pids.slice(-MAX_TRIED).reverse()])) {
      const result = this.with(one, path, (file) => (file.inode === inode ? { of: work(file) } : undefined));
      if (result) return result.of;
    }
    return undefined;
  }

  /** Reads the process' map for perf. Its name has the pid of the process' own PID namespace. */
  perfMap(pid: number): string | undefined {
    const own = this.#ownPid(pid);
    if (own === undefined) return undefined;
    return this.with(pid, `/tmp/perf-${own}.map`, ({ read, size }) =>
      read(0, Math.min(size, MAX_TEXT_BYTES)).toString('utf8'),
    );
  }

  /** Returns the process id in the process' own PID namespace. */
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

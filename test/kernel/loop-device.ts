import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const SECTOR = 512;
/** Index of an operation's first field in /sys/block/NAME/stat (Documentation/block/stat.rst). */
const STAT_FIELDS = { read: 0, write: 4, discard: 11, flush: 15 } as const;

export interface DeviceStat {
  readonly requests: number;
  /** Requests merged into others; not counted for flushes. */
  readonly merges: number;
  /** Not counted for flushes. */
  readonly bytes: number;
}

/** A block device backed by a file; `close` releases it. */
export class LoopDevice {
  /** The kernel's name, such as `loop0`. */
  readonly name: string;
  readonly path: string;
  readonly #fd: number;

  private constructor(
    private readonly file: string,
    options: readonly string[],
  ) {
    this.path = execFileSync('losetup', [...options, '--find', '--show', file], { encoding: 'utf8' }).trim();
    this.name = basename(this.path);
    // Detached while it is open, the device lives until its last descriptor is closed, also if this process is killed.
    this.#fd = openSync(this.path, 'r');
    execFileSync('losetup', ['--detach', this.path]);
  }

  static over(directory: string, bytes: number): LoopDevice {
    return new LoopDevice(createFile(directory, bytes), []);
  }

  /** Creates a device with partition 1, from the first mebibyte to the end. */
  static partitioned(directory: string, bytes: number): LoopDevice {
    const firstSector = 2048;
    const device = new LoopDevice(createFile(directory, bytes), ['--partscan']);
    execFileSync('addpart', [device.path, '1', String(firstSector), String(bytes / SECTOR - firstSector)]);
    return device;
  }

  /** The kernel's own count of the device's requests. */
  stat(op: keyof typeof STAT_FIELDS): DeviceStat {
    const fields = readFileSync(`/sys/block/${this.name}/stat`, 'utf8').trim().split(/\s+/).map(Number);
    const first = STAT_FIELDS[op];
    const [requests, merges = 0, sectors = 0] = fields.slice(first, op === 'flush' ? first + 1 : first + 3);
    return { requests: requests!, merges, bytes: sectors * SECTOR };
  }

  /** Makes the kernel split requests above this size. */
  limit(bytes: number): void {
    writeFileSync(`/sys/block/${this.name}/queue/max_sectors_kb`, String(bytes / 1024));
  }

  /** Truncates the medium: reads behind its end fail from now on. */
  cutMedium(bytes: number): void {
    truncateSync(this.file, bytes);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function createFile(directory: string, bytes: number): string {
  const file = join(directory, 'medium');
  writeFileSync(file, '');
  truncateSync(file, bytes);
  return file;
}

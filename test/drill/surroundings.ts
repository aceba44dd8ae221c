import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KernscaleError } from '../../common/errors.js';
import type { Around } from '../prometheus/running-scaler.js';
import { NameServer } from './name-server.js';

/** Port 53 of the loopback network's other addresses is free on machines that have a name server of their own. */
const NAME_SERVER = '127.0.53.53';
const DISK_BYTES = 256 * 1024;
/** Run in a mount namespace of its own, which ends with the process: the machine's mounts stay as they are. */
const ENTER = `mount --bind "$1/resolv.conf" /etc/resolv.conf
mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf
mkdir -p "$1/disk"
mount -t tmpfs -o size=${DISK_BYTES} drill "$1/disk"
shift
exec "$@"`;

/** The names, the disk and the clock that the scaler has, with or without a fault. */
export class Surroundings {
  readonly #names = new NameServer();

  /** @param directory for its files */
  constructor(private readonly directory: string) {}

  async start(): Promise<void> {
    await this.#names.start(NAME_SERVER);
    this.#write('resolv.conf', `nameserver ${NAME_SERVER}\n`);
    this.#write('nsswitch.conf', 'hosts: dns\n');
    this.setClock(0);
  }

  async stop(): Promise<void> {
    await this.#names.stop();
  }

  /** What to run a scaler in. */
  get around(): Around {
    return {
      command: ['unshare', '--mount', 'sh', '-e', '-c', ENTER, 'sh', this.directory],
      env: {
        LD_PRELOAD: '/usr/$LIB/faketime/libfaketimeMT.so.1',
        FAKETIME_TIMESTAMP_FILE: this.#path('clock'),
        FAKETIME_CACHE_DURATION: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
        FAKETIME_DISABLE_SHM: '1',
      },
    };
  }

  /** A folder on the disk. */
  get disk(): string {
    return this.#path('disk');
  }

  set names(fault: NameServer['fault']) {
    this.#names.fault = fault;
  }

  /** @param pid of a process that runs in it */
  fillDisk(pid: number): void {
    try {
      writeFileSync(this.#filler(pid), Buffer.alloc(2 * DISK_BYTES));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return;
      throw error;
    }
    throw new KernscaleError('DRILL', 'the disk is not full');
  }

  emptyDisk(pid: number): void {
    rmSync(this.#filler(pid));
  }

  /** @param seconds by which the scaler's clock is ahead */
  setClock(seconds: number): void {
    this.#write('clock', seconds < 0 ? String(seconds) : `+${seconds}`);
  }

  #filler(pid: number): string {
    return join(`/proc/${pid}/root`, this.disk, 'filler');
  }

  #write(name: string, text: string): void {
    writeFileSync(this.#path(name), text);
  }

  #path(name: string): string {
    return join(this.directory, name);
  }
}

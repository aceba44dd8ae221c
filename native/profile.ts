import { close, read } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import { loadAddon } from './addon.js';
import type { SamplerAddon, SamplerHandle } from './addon.js';
import { decodeStatus } from './decode.js';
import { NativeError } from './errors.js';
import type { NativeErrorCode } from './errors.js';
import { MAPPING, PROFILE_BOUNDS, STACK_SAMPLE } from './layout.js';
import type { ProgramStatus } from './types.js';

const DEFAULT_HZ = 99;
const CHUNK_BYTES = 64 * 1024;
/** Enough for 100,000 mappings with ordinary paths. Mappings of a hostile process beyond it have no name. */
const MAX_MAPPINGS_BYTES = 16 * 1024 * 1024;
const RETRY_MS = 1;

/**
 * Stack of one thread at one instant. Frames are addresses, innermost first; all but the innermost are return addresses.
 * Addresses are signed 64-bit numbers, so that those of the kernel (the upper half, negative here) are exact.
 */
export interface StackSample {
  /** Selected cgroup; the thread may be in a descendant. */
  readonly cgroupId: bigint;
  readonly pid: number;
  readonly tid: number;
  /** The thread's name, at most 15 bytes. */
  readonly thread: string;
  readonly kernel: readonly number[];
  readonly user: readonly number[];
}

/** An executable mapping of a process. */
export interface Mapping {
  readonly pid: number;
  readonly start: number;
  readonly end: number;
  /** Of `start` in the file, in bytes. */
  readonly offset: number;
  /** Kernel number of the file's device, 12 bits major, 20 bits minor. */
  readonly device: number;
  /** 0: memory without a file, as just-in-time compilers map it. */
  readonly inode: bigint;
  /** Path in the mount namespace of the process; empty without a file, or if longer than 511 bytes. */
  readonly path: string;
}

export interface StackSampler {
  readonly hz: number;
  /** Status of each program. Without `sample_stack` there are no samples. */
  readonly programs: readonly ProgramStatus[];
  /** Samples threads in at most 256 cgroups and their descendants until `stop`. */
  start(cgroupIds: readonly bigint[]): void;
  /** Replaces the sampled cgroups. */
  select(cgroupIds: readonly bigint[]): void;
  /** Returns the samples since the last call. The buffer holds a third of a second, so call it more often than that. */
  take(): readonly StackSample[];
  /**
   * Reads the current executable mappings of processes in the sampled cgroups, in a thread of the pool. Returns none
   * without the program `list_mappings`.
   */
  mappings(): Promise<readonly Mapping[]>;
  /** Returns the names of kernel addresses that have one. Needs the program `name_address` or `list_names`. */
  kernelNames(addresses: readonly number[]): ReadonlyMap<number, string>;
  stop(): void;
  /** Runs of `sample_stack` on all CPUs, and samples dropped because the buffer was full. */
  counts(): { readonly runs: number; readonly lost: number };
  close(): void;
}

/**
 * Loads the stack sampler; no program runs before `start`. Loading needs capabilities, sampling needs none. A program
 * that this kernel refuses is omitted and reported in `programs`.
 *
 * @throws NativeError `NO_ADDON`, `NO_CAPABILITY`, `NO_BTF`, `LOAD_FAILED`
 */
export function openStackSampler(hz = DEFAULT_HZ): StackSampler {
  return new LoadedSampler(loadAddon(), hz);
}

/**
 * Opens a file below another root directory, such as `/proc/PID/root`, for reading. Links cannot lead out of the root.
 *
 * @returns a descriptor, or undefined if the file cannot be opened
 */
export function openBelow(root: string, path: string): number | undefined {
  const file = loadAddon().openBelow(root, path);
  return file < 0 ? undefined : file;
}

class LoadedSampler implements StackSampler {
  readonly programs: readonly ProgramStatus[];
  readonly #handle: SamplerHandle;

  constructor(
    private readonly addon: SamplerAddon,
    readonly hz: number,
  ) {
    this.#handle = call(() => addon.openSampler(hz));
    this.programs = addon.samplerPrograms(this.#handle).map(decodeStatus);
  }

  start(cgroupIds: readonly bigint[]): void {
    this.take();
    this.select(cgroupIds);
    call(() => {
      this.addon.runSampler(this.#handle, true);
    });
  }

  select(cgroupIds: readonly bigint[]): void {
    call(() => {
      this.addon.selectCgroups(this.#handle, BigUint64Array.from(cgroupIds));
    });
  }

  take(): readonly StackSample[] {
    return decodeSamples(call(() => this.addon.takeSamples(this.#handle)));
  }

  async mappings(): Promise<readonly Mapping[]> {
    if (!this.programs.some(({ program, attached }) => program === 'list_mappings' && attached)) return [];
    return decodeMappings(await readToEnd(call(() => this.addon.openMappings(this.#handle))));
  }

  kernelNames(addresses: readonly number[]): ReadonlyMap<number, string> {
    const names = new Map<number, string>();
    for (let from = 0; from < addresses.length; from += PROFILE_BOUNDS.max_addresses) {
      const some = addresses.slice(from, from + PROFILE_BOUNDS.max_addresses);
      const words = BigUint64Array.from(some, (address) => BigInt.asUintN(64, BigInt(address)));
      const lines = call(() => this.addon.nameAddresses(this.#handle, words))
        .toString()
        .split('\n');
      // An address without a name is printed as it is.
      for (const [i, address] of some.entries()) {
        const name = lines[i] ?? '';
        if (name !== '' && !name.startsWith('0x')) names.set(address, name);
      }
    }
    return names;
  }

  stop(): void {
    call(() => {
      this.addon.runSampler(this.#handle, false);
    });
    this.select([]);
  }

  counts(): { readonly runs: number; readonly lost: number } {
    return call(() => this.addon.samplerCounts(this.#handle));
  }

  close(): void {
    call(() => {
      this.addon.closeSampler(this.#handle);
    });
  }
}

/** Reads a file up to MAX_MAPPINGS_BYTES, and closes it. */
async function readToEnd(file: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    while (size < MAX_MAPPINGS_BYTES) {
      const chunk = await readSome(file);
      if (chunk.length === 0) break;
      chunks.push(chunk);
      size += chunk.length;
    }
  } finally {
    await promisify(close)(file);
  }
  return Buffer.concat(chunks);
}

async function readSome(file: number): Promise<Buffer> {
  for (;;) {
    try {
      const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
      const { bytesRead } = await promisify(read)(file, buffer, 0, CHUNK_BYTES, null);
      return buffer.subarray(0, bytesRead);
    } catch (error) {
      // The iterator pauses after a million mappings that it does not output.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      await sleep(RETRY_MS);
    }
  }
}

/** Decodes `struct stack_sample`s, each after its size. */
function decodeSamples(bytes: Buffer): StackSample[] {
  const { cgroup, pid, tid, comm, kernel_frames, user_frames, frames } = STACK_SAMPLE;
  const samples: StackSample[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = Number(bytes.readBigUInt64LE(at));
    const sample = bytes.subarray(at + 8, at + 8 + size);
    const kernel = sample.readUInt32LE(kernel_frames);
    const user = sample.readUInt32LE(user_frames);
    const frame = (i: number) => Number(sample.readBigInt64LE(frames + 8 * i));
    samples.push({
      cgroupId: sample.readBigUInt64LE(cgroup),
      pid: sample.readUInt32LE(pid),
      tid: sample.readUInt32LE(tid),
      thread: textOf(sample.subarray(comm, kernel_frames)),
      kernel: Array.from({ length: kernel }, (_, i) => frame(i)),
      user: Array.from({ length: user }, (_, i) => frame(kernel + i)),
    });
    at += 8 + size;
  }
  return samples;
}

/** Decodes `struct mapping`s, each followed by its path; the last may be truncated. */
function decodeMappings(bytes: Buffer): Mapping[] {
  const mappings: Mapping[] = [];
  for (let at = 0; at + MAPPING.sizeof <= bytes.length;) {
    const word = (offset: number) => Number(bytes.readBigUInt64LE(at + offset));
    const path = at + MAPPING.sizeof;
    const end = path + bytes.readUInt32LE(at + MAPPING.path_size);
    if (end > bytes.length) break;
    mappings.push({
      start: word(MAPPING.start),
      end: word(MAPPING.end),
      offset: word(MAPPING.offset),
      inode: bytes.readBigUInt64LE(at + MAPPING.inode),
      device: bytes.readUInt32LE(at + MAPPING.device),
      pid: bytes.readUInt32LE(at + MAPPING.pid),
      path: textOf(bytes.subarray(path, end)),
    });
    at = end;
  }
  return mappings;
}

function textOf(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end === -1 ? bytes.length : end);
}

/** Converts errors of the addon to NativeError. */
function call<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error;
    throw new NativeError(error.code as NativeErrorCode, error.message);
  }
}

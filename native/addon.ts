import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { NativeError } from './errors.js';
import { LAYOUT_DIGEST } from './layout.js';
import type { ProgramCost } from './types.js';

declare const brand: unique symbol;

/** The addon's opaque handle of one session: a set of loaded programs. */
export interface Handle {
  readonly [brand]: never;
}

/** The entries of one pool. Buckets are packed: index of the first that is not empty, how many follow, and these. */
export interface RawPool {
  /** Structs of `bpf/layout.h`, such as PEER_KEY. */
  readonly keys: Uint8Array;
  /** Name of each entry, if entries have one. */
  readonly names: Uint8Array;
  /** Start of each entry in `values`. */
  readonly offsets: Uint32Array;
  /** The scalars, then of each histogram the sum, in nanoseconds or bytes, and packed buckets. */
  readonly values: Float64Array;
}

export interface RawSnapshot {
  /** Duration of the flush. */
  readonly flushSeconds: number;
  /** Slot 0, then every tracked slot. */
  readonly slots: Int32Array;
  /** Per slot, positions in `values`: start of its counters, then start of each histogram, 0 for an empty one. */
  readonly offsets: Uint32Array;
  /** Seconds in each state, scalars, seconds of serving threads in each state, and starved seconds; a histogram is its sum and its packed buckets. */
  readonly values: Float64Array;
  readonly blockIo: RawPool;
  readonly peers: RawPool;
  readonly drops: BigUint64Array;
}

export interface RawProgram {
  /** Of PROBES; the number after the last is the profile's. */
  readonly probe: number;
  readonly program: string;
  readonly attached: boolean;
  readonly lockedDown: boolean;
  readonly detail: string;
}

declare const samplerBrand: unique symbol;

/** The addon's opaque handle of one stack sampler. */
export interface SamplerHandle {
  readonly [samplerBrand]: never;
}

/** See src/profile.h. */
export interface SamplerAddon {
  openSampler(hz: number): SamplerHandle;
  closeSampler(handle: SamplerHandle): void;
  samplerPrograms(handle: SamplerHandle): readonly RawProgram[];
  selectCgroups(handle: SamplerHandle, cgroupIds: BigUint64Array): void;
  runSampler(handle: SamplerHandle, on: boolean): void;
  takeSamples(handle: SamplerHandle): Buffer;
  /** A descriptor. */
  openMappings(handle: SamplerHandle): number;
  /** A line for each address, or none at all. */
  nameAddresses(handle: SamplerHandle, addresses: BigUint64Array): Buffer;
  samplerCounts(handle: SamplerHandle): { runs: number; lost: number };
  /** A descriptor, or -errno. */
  openBelow(root: string, path: string): number;
}

export interface Addon extends SamplerAddon {
  /** Names the layout that the addon was built from. */
  readonly layoutDigest: string;
  open(options: {
    cgroupRoot: string;
    maxContainers: number;
    /** 0: chosen by the number of CPUs. */
    shards: number;
    sampleHz: number;
    cgroupEvents: boolean;
    probes: readonly boolean[];
  }): Handle;
  close(handle: Handle): void;
  /** Bytes of all maps, computed from their definitions. */
  kernelMemory(cpus: number, maxContainers: number): number;
  programs(handle: Handle): readonly RawProgram[];
  /** True if block requests are billed to their blkcg. */
  ownerIsBlkcg(handle: Handle): boolean;
  track(handle: Handle, cgroupId: bigint): number;
  untrack(handle: Handle, cgroupId: bigint): void;
  countStarvation(handle: Handle): void;
  read(handle: Handle): RawSnapshot;
  /** Returns the capabilities that stay, as bits. */
  dropCapabilities(handle: Handle, keep: bigint): bigint;
  /** Calls the listener, from the event loop, when there are events to take. */
  watchEvents(handle: Handle, listener: () => void): void;
  /** Cgroups created and removed since the last call: removed or not, id, parent's id, name. */
  takeEvents(handle: Handle): {
    lost: number;
    events: readonly (readonly [boolean, bigint, bigint, string])[];
  };
  /** Turns on or off that each program measures its own run time. */
  timePrograms(handle: Handle, on: boolean): void;
  costs(handle: Handle): readonly ProgramCost[];
  /** Messages of libbpf since the last call: level (0 warn, 1 info, 2 debug) and text. */
  takeMessages(): readonly (readonly [number, string])[];
}

let loaded: Addon | undefined;

/**
 * Loads the addon beside the sources or, when compiled, one folder up.
 *
 * @throws NativeError `NO_ADDON`, `LAYOUT_MISMATCH`
 */
export function loadAddon(): Addon {
  if (loaded !== undefined) return loaded;
  const paths = ['./build/kernscale.node', '../build/kernscale.node'].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  const path = paths.find(existsSync);
  if (path === undefined) {
    throw new NativeError('NO_ADDON', 'the native addon is not built: run `make -C native`');
  }
  let addon: Addon;
  try {
    addon = createRequire(import.meta.url)(path) as Addon;
  } catch (cause) {
    throw new NativeError('NO_ADDON', `${path} cannot be loaded: is libbpf1 installed?`, { cause });
  }
  if (addon.layoutDigest !== LAYOUT_DIGEST) {
    throw new NativeError(
      'LAYOUT_MISMATCH',
      `${path} was built from another layout: run \`make -C native\` and compile the TypeScript again`,
    );
  }
  loaded = addon;
  return loaded;
}

import { setTimeout as sleep } from 'node:timers/promises';

import { loadAddon } from './addon.js';
import type { Addon, Handle } from './addon.js';
import { decodeSnapshot, decodeStatus } from './decode.js';
import { NativeError } from './errors.js';
import type { NativeErrorCode } from './errors.js';
import { PROBES } from './layout.js';
import type {
  BlockIoAttribution,
  Capability,
  CgroupEvents,
  OpenOptions,
  Probes,
  Costs,
  ProgramCost,
  ProgramStatus,
  Snapshot,
} from './types.js';

export * from './bounds.js';
export * from './errors.js';
export * from './layout.js';
export * from './profile.js';
export * from './types.js';

const DEFAULT_MAX_CONTAINERS = 1024;
const DEFAULT_SAMPLE_HZ = 99;
/** linux/capability.h */
const CAPABILITIES: Readonly<Record<Capability, bigint>> = { CAP_BPF: 39n, CAP_SYS_PTRACE: 19n };
const LEVELS = ['warn', 'info', 'debug'] as const;

/**
 * Loads and attaches the BPF programs. A program that this kernel refuses is omitted or replaced by its fallback, and reported in `programs`.
 *
 * @throws NativeError `NO_ADDON`, `LAYOUT_MISMATCH`, `NO_CAPABILITY`, `NO_BTF`; `LOAD_FAILED` or `ATTACH_FAILED` if no program runs
 */
export function openProbes(options: OpenOptions): Probes {
  return new LoadedProbes(loadAddon(), options);
}

/**
 * Computes the bytes of kernel memory that the maps take, as the kernel accounts them (6.4+), without loading them.
 * Excludes task and socket storage, which is allocated for threads and sockets beyond the flat arrays.
 *
 * @param maxContainers - as given to `openProbes`
 */
export function kernelMemory(cpus: number, maxContainers = DEFAULT_MAX_CONTAINERS): number {
  return loadAddon().kernelMemory(cpus, maxContainers);
}

class LoadedProbes implements Probes {
  readonly programs: readonly ProgramStatus[];
  readonly blockIoAttribution: BlockIoAttribution | undefined;
  readonly #addon: Addon;
  readonly #handle: Handle;
  readonly #onMessage: OpenOptions['onMessage'];
  #measuring = 0;

  constructor(addon: Addon, options: OpenOptions) {
    const { cgroupRoot, probes = PROBES } = options;
    this.#addon = addon;
    this.#onMessage = options.onMessage;
    this.#handle = this.#call(() =>
      addon.open({
        cgroupRoot,
        maxContainers: options.maxContainers ?? DEFAULT_MAX_CONTAINERS,
        shards: options.shards ?? 0,
        sampleHz: options.sampleHz ?? DEFAULT_SAMPLE_HZ,
        cgroupEvents: options.cgroupEvents ?? false,
        probes: PROBES.map((probe) => probes.includes(probe)),
      }),
    );
    this.programs = addon.programs(this.#handle).map(decodeStatus);
    this.blockIoAttribution = attributionOf(this.programs, addon.ownerIsBlkcg(this.#handle));
  }

  track(cgroupId: bigint): number {
    return this.#call(() => this.#addon.track(this.#handle, cgroupId));
  }

  untrack(cgroupId: bigint): void {
    this.#call(() => {
      this.#addon.untrack(this.#handle, cgroupId);
    });
  }

  countStarvation(): void {
    this.#call(() => {
      this.#addon.countStarvation(this.#handle);
    });
  }

  dropCapabilities(keep: readonly Capability[] = []): readonly Capability[] {
    const wanted = keep.reduce((bits, capability) => bits | (1n << CAPABILITIES[capability]), 0n);
    const kept = this.#call(() => this.#addon.dropCapabilities(this.#handle, wanted));
    const names = Object.keys(CAPABILITIES) as Capability[];
    return names.filter((capability) => (kept & (1n << CAPABILITIES[capability])) !== 0n);
  }

  followCgroups(listener: (events: CgroupEvents) => void): void {
    this.#call(() => {
      this.#addon.watchEvents(this.#handle, () => {
        listener(this.#takeEvents());
      });
    });
  }

  read(): Snapshot {
    return decodeSnapshot(this.#call(() => this.#addon.read(this.#handle)));
  }

  async measure(milliseconds: number): Promise<Costs> {
    const before = this.#costs();
    const start = performance.now();
    this.#time(1);
    try {
      await sleep(milliseconds);
    } finally {
      this.#time(-1);
    }
    const seconds = (performance.now() - start) / 1000;
    return { seconds, programs: difference(before, this.#costs()) };
  }

  close(): void {
    this.#call(() => {
      this.#addon.close(this.#handle);
    });
  }

  #takeEvents(): CgroupEvents {
    const { events, lost } = this.#call(() => this.#addon.takeEvents(this.#handle));
    return {
      lost,
      events: events.map(([removed, cgroupId, parentId, name]) => ({
        kind: removed ? 'removed' : 'created',
        cgroupId,
        parentId,
        name,
      })),
    };
  }

  #costs(): readonly ProgramCost[] {
    return this.#call(() => this.#addon.costs(this.#handle));
  }

  /** Programs are timed while at least one measurement runs. */
  #time(measuring: 1 | -1): void {
    this.#measuring += measuring;
    this.#call(() => {
      this.#addon.timePrograms(this.#handle, this.#measuring > 0);
    });
  }

  /** Runs native work, passes on libbpf's messages, and converts the addon's errors to NativeError. */
  #call<T>(work: () => T): T {
    try {
      const result = work();
      this.#drain();
      return result;
    } catch (error) {
      const warnings = this.#drain();
      if (!(error instanceof Error) || !('code' in error)) throw error;
      const cause = warnings.length === 0 ? undefined : new Error(warnings.join('\n'));
      throw new NativeError(error.code as NativeErrorCode, error.message, { cause });
    }
  }

  #drain(): readonly string[] {
    const messages = this.#addon.takeMessages();
    for (const [level, text] of messages) this.#onMessage?.(LEVELS[level] ?? 'debug', text);
    return messages.filter(([level]) => level === 0).map(([, text]) => text);
  }
}

function attributionOf(
  programs: readonly ProgramStatus[],
  ownerIsBlkcg: boolean,
): BlockIoAttribution | undefined {
  const attached = (name: string): boolean =>
    programs.some((status) => status.program === name && status.attached);
  if (!attached('block_rq_complete')) return undefined;
  if (ownerIsBlkcg) return 'blkcg';
  if (attached('block_io_start')) return 'submitter';
  return attached('block_rq_issue') ? 'issuer' : 'none';
}

function difference(before: readonly ProgramCost[], after: readonly ProgramCost[]): ProgramCost[] {
  return after.map(({ program, runs, seconds }, i) => ({
    program,
    runs: runs - before[i]!.runs,
    seconds: seconds - before[i]!.seconds,
  }));
}

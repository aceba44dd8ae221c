import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';

import { loadAddon } from './addon.js';
import type { Addon, Handle } from './addon.js';
import { decodeSnapshot } from './decode.js';
import { NativeError } from './errors.js';
import type { NativeErrorCode } from './errors.js';
import { PROBES } from './types.js';
import type { OpenOptions, Probes, ProgramStatus, Snapshot } from './types.js';

export * from './bounds.js';
export * from './errors.js';
export * from './types.js';

const DEFAULT_MAX_CONTAINERS = 1024;
const DEFAULT_SAMPLE_HZ = 99;
const LEVELS = ['warn', 'info', 'debug'] as const;

/**
 * Loads and attaches the BPF programs. A program that this kernel cannot run is reported in `programs` and left
 * out.
 *
 * @throws NativeError `NO_ADDON`, `NO_CAPABILITY`, `NO_BTF`; `LOAD_FAILED` or `ATTACH_FAILED` when none runs
 */
export function openProbes(options: OpenOptions): Probes {
  const addon = loadAddon();
  const { call } = relay(addon, options.onMessage);
  const wanted = options.probes ?? PROBES;
  const handle = call(() =>
    addon.open({
      cgroupRoot: options.cgroupRoot,
      maxContainers: options.maxContainers ?? DEFAULT_MAX_CONTAINERS,
      sampleHz: options.sampleHz ?? DEFAULT_SAMPLE_HZ,
      probes: PROBES.map((probe) => wanted.includes(probe)),
    }),
  );
  return probesOf(addon, handle, call);
}

function probesOf(addon: Addon, handle: Handle, call: <T>(work: () => T) => T): Probes {
  const deviceName = deviceNames();
  return {
    programs: addon.programs(handle).map(({ probe, program, attached, detail }): ProgramStatus => ({
      probe: PROBES[probe]!,
      program,
      attached,
      detail,
    })),
    track: (cgroupId) => call(() => addon.track(handle, cgroupId)),
    untrack: (cgroupId) => {
      call(() => {
        addon.untrack(handle, cgroupId);
      });
    },
    read: (): Snapshot =>
      decodeSnapshot(
        call(() => addon.read(handle)),
        deviceName,
      ),
    close: () => {
      call(() => {
        addon.close(handle);
      });
    },
  };
}

/** Runs native work; hands on what libbpf said meanwhile, and makes its errors ours. */
function relay(addon: Addon, onMessage: OpenOptions['onMessage']): { call: <T>(work: () => T) => T } {
  const drain = (): readonly string[] => {
    const messages = addon.takeMessages();
    for (const [level, text] of messages) onMessage?.(LEVELS[level] ?? 'debug', text);
    return messages.filter(([level]) => level === 0).map(([, text]) => text);
  };
  return {
    call: (work) => {
      try {
        const result = work();
        drain();
        return result;
      } catch (error) {
        const warnings = drain();
        if (!(error instanceof Error) || !('code' in error)) throw error;
        const cause = warnings.length === 0 ? undefined : new Error(warnings.join('\n'));
        throw new NativeError(error.code as NativeErrorCode, error.message, { cause });
      }
    },
  };
}

/** Kernel names of block devices, looked up once: numbers are not given anew while a device exists. */
function deviceNames(): (major: number, minor: number) => string {
  const names = new Map<string, string>();
  return (major, minor) => {
    const number = `${major}:${minor}`;
    const known = names.get(number);
    if (known !== undefined) return known;
    let name = number;
    try {
      name = basename(readlinkSync(`/sys/dev/block/${number}`));
    } catch {
      // The device is gone: its number is all that is left.
    }
    names.set(number, name);
    return name;
  };
}

import { createRequire } from 'node:module';
import type { Addon, Handle } from '../../../native/addon.js';
import { PROBES, type ProbeName } from '../../../native/layout.js';
import { fromRoot } from '../../../sandbox/paths.js';
import { accountsOf, only, programNames, type Accounts } from './accounting.js';
import { built, type Bench } from './bench.js';
import { KernscaleError } from '../../../common/errors.js';

const MAX_CONTAINERS = 1024;
export const SAMPLE_HZ = 99;
/** A tool that has not attached its programs by then counts as unavailable. */
const READY_TIMEOUT_MS = 20_000;
const READY_POLL_MS = 50;
/** Time from the first run of a program until the last one is attached. */
const ATTACHING_MS = 100;

/** Attached programs and their run times so far. */
export interface Attached {
  /** Runs of the programs of one of our probes; of a peer, of all its programs. */
  accounts(probe: ProbeName): Accounts;
  readonly detach: () => Promise<void>;
}

export interface Contender {
  readonly name: string;
  /**
   * @param provoke triggers an event that runs its programs
   * @throws KernscaleError `PEER_UNAVAILABLE` with the reason if it cannot run on this machine
   */
  attach(bench: Bench, provoke: () => Promise<unknown>): Promise<Attached>;
}

/** All of our own probes, from the given build of the addon. */
function ours(name: string, addonPath: string): Contender {
  return {
    name,
    attach: (bench) => {
      const known = new Set(accountsOf('self').keys());
      const { addon, handle } = openAddon(addonPath, bench.root, MAX_CONTAINERS);
      for (const id of bench.cgroupIds) addon.track(handle, id);
      const names = programNames();
      const probes = new Map(
        addon.programs(handle).map(({ program, probe }) => [kernelName(program), probe]),
      );
      return Promise.resolve({
        accounts: (probe) =>
          only(
            accountsOf('self'),
            (id) => !known.has(id) && PROBES[probes.get(kernelName(names.get(id) ?? '')) ?? -1] === probe,
          ),
        detach: () => {
          addon.close(handle);
          return Promise.resolve();
        },
      });
    },
  };
}

export const OURS = ours('ours', fromRoot('native/build/kernscale.node'));
export const OURS_WITH_KTIME = ours('ours with bpf_ktime_get_ns', built('ktime/kernscale.node'));

/** Opens a build of the addon without the typed interface, which loads one build only. */
export function openAddon(
  path: string,
  cgroupRoot: string,
  maxContainers: number,
): {
  addon: Addon;
  handle: Handle;
} {
  const addon = createRequire(import.meta.url)(path) as Addon;
  const handle = addon.open({
    cgroupRoot,
    maxContainers,
    shards: 0,
    sampleHz: SAMPLE_HZ,
    cgroupEvents: false,
    probes: PROBES.map(() => true),
  });
  return { addon, handle };
}

/**
 * A tool from a Debian package. It finds tracepoints through tracefs, which is mounted in the tool's own mount
 * namespace if the machine has not mounted it.
 */
export function tool(name: string, argv: readonly string[] = name.split(' ')): Contender {
  const mounts = [
    ['/sys/kernel/debug', 'debugfs'],
    ['/sys/kernel/tracing', 'tracefs'],
  ].map(([path, type]) => `mountpoint -q ${path} || mount -t ${type} ${type} ${path} 2>/dev/null || :`);
  const path = 'PATH=$PATH:/usr/sbin:/sbin';
  const script = [...mounts, path, 'exec "$@"'].join('; ');
  return {
    name,
    attach: async (bench, provoke) => {
      const running = bench.processes.start(['unshare', '--mount', 'sh', '-c', script, 'sh', ...argv]);
      const deadline = performance.now() + READY_TIMEOUT_MS;
      while (![...accountsOf(running.pid).values()].some(({ runs }) => runs > 0)) {
        if (running.hasEnded || performance.now() > deadline) {
          await running.stop();
          throw new KernscaleError('PEER_UNAVAILABLE', running.failure());
        }
        await bench.pause(READY_POLL_MS);
        await provoke();
      }
      await bench.pause(ATTACHING_MS);
      return {
        accounts: () => accountsOf(running.pid),
        detach: async () => {
          await running.stop();
        },
      };
    },
  };
}

/** The kernel keeps 15 characters of a program's name. */
function kernelName(name: string): string {
  return name.slice(0, 15);
}

import { readdirSync, readFileSync, statSync } from 'node:fs';
import type { Probes } from 'bpf-linker-napi';
import { errorCode } from '../../common/errors.js';
import { cpuStatSeconds } from '../cgroups/accounts.js';

interface Reading {
  readonly from: 'kernel' | 'probes' | 'quotas';
  readonly seconds: number;
  readonly at: number;
}

/**
 * Starved time of pods: the kernel's own pressure stall information where a pod's cgroup has it. The first pod without has
 * the probes count, which costs time in every context switch. Where they cannot, time out of quota is what is known of it.
 */
export class Starvation {
  readonly #last = new Map<bigint, Reading>();
  readonly #totals = new Map<bigint, number>();

  /** @param mountPoint of cgroup2 */
  constructor(
    private readonly mountPoint: string,
    private readonly probes: Pick<Probes, 'programs' | 'countStarvation'>,
  ) {}

  /**
   * Returns the starved seconds of a pod, which never decrease; undefined if nothing measures them.
   *
   * @param path of its cgroup, below the mount point
   * @param counted by the probes
   * @param now seconds on a monotonic clock
   */
  read(cgroupId: bigint, path: string, counted: number, now: number): number | undefined {
    const found = this.#read(`${this.mountPoint}${path}`, counted);
    if (found === undefined) return this.#totals.get(cgroupId);
    const reading = { ...found, at: now };
    const before = this.#last.get(cgroupId);
    const growth = before ? growthOf(before, reading) : 0;
    const total = before === undefined ? reading.seconds : this.#totals.get(cgroupId)! + growth;
    this.#last.set(cgroupId, reading);
    this.#totals.set(cgroupId, total);
    return total;
  }

  /** Returns the last value of a pod that has ended. */
  take(cgroupId: bigint): number | undefined {
    const total = this.#totals.get(cgroupId);
    this.#last.delete(cgroupId);
    this.#totals.delete(cgroupId);
    return total;
  }

  #read(directory: string, counted: number): Omit<Reading, 'at'> | undefined {
    const seconds = pressureSeconds(directory);
    if (seconds !== undefined) return { from: 'kernel', seconds };
    // The pod may have ended since its cgroup was found.
    if (!statSync(directory, { throwIfNoEntry: false })) return undefined;
    if (!this.probes.programs.some(({ program, attached }) => program === 'sched_switch' && attached)) {
      const throttled = throttledSeconds(directory);
      return throttled === undefined ? undefined : { from: 'quotas', seconds: throttled };
    }
    this.probes.countStarvation();
    return { from: 'probes', seconds: counted };
  }
}

function growthOf(before: Reading, { from, seconds, at }: Reading): number {
  // What one source counted before the other took over is not known to it.
  if (before.from !== from) return 0;
  const growth = Math.max(0, seconds - before.seconds);
  // Quotas count each CPU and each container.
  return from === 'quotas' ? Math.min(growth, at - before.at) : growth;
}

/** Time out of quota of the pod and its containers; undefined where no controller counts it. */
function throttledSeconds(directory: string): number | undefined {
  const containers = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const all = [directory, ...containers.map(({ name }) => `${directory}/${name}`)];
  const known = all.flatMap((one) => cpuStatSeconds(one, 'throttled_usec') ?? []);
  return known.length === 0 ? undefined : known.reduce((sum, seconds) => sum + seconds);
}

/** A cgroup has no such file where the kernel keeps no pressure stall information, or not of that cgroup. */
function pressureSeconds(directory: string): number | undefined {
  try {
    return parsePressure(readFileSync(`${directory}/cpu.pressure`, 'utf8'));
  } catch (error) {
    if (UNREADABLE.has(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}

/** `ENODEV`: removed while it was read. `EOPNOTSUPP` or `EACCES`: kernels before 6.1, switched off. */
const UNREADABLE: ReadonlySet<string> = new Set(['ENOENT', 'ENODEV', 'EOPNOTSUPP', 'ENOTSUP', 'EACCES']);

/** Reads `some avg10=… total=<microseconds>` (Documentation/accounting/psi.rst). */
export function parsePressure(text: string): number | undefined {
  const total = /^some .*\btotal=(\d+)$/m.exec(text)?.[1];
  return total === undefined ? undefined : Number(total) / 1e6;
}

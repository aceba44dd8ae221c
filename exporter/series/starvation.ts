import { readFileSync, statSync } from 'node:fs';
import type { Probes } from 'bpf-linker-napi';
import { errorCode } from '../../common/errors.js';

interface Reading {
  readonly from: 'kernel' | 'probes';
  readonly seconds: number;
}

/**
 * Starved time of pods: the kernel's own pressure stall information where a pod's cgroup has it. The first pod without has
 * the probes count, which costs time in every context switch.
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
   */
  read(cgroupId: bigint, path: string, counted: number): number | undefined {
    const reading = this.#read(`${this.mountPoint}${path}`, counted);
    if (reading === undefined) return this.#totals.get(cgroupId);
    const before = this.#last.get(cgroupId);
    // What one source counted before the other took over is not known to it.
    const growth = before?.from === reading.from ? Math.max(0, reading.seconds - before.seconds) : 0;
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

  #read(directory: string, counted: number): Reading | undefined {
    const seconds = pressureSeconds(directory);
    if (seconds !== undefined) return { from: 'kernel', seconds };
    // The pod may have ended since its cgroup was found.
    if (!statSync(directory, { throwIfNoEntry: false })) return undefined;
    if (!this.probes.programs.some(({ program, attached }) => program === 'sched_switch' && attached))
      return undefined;
    this.probes.countStarvation();
    return { from: 'probes', seconds: counted };
  }
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

import { readdirSync, statSync } from 'node:fs';
import type { CgroupEvents, Probes } from 'bpf-linker-napi';
import { errorCode, errorMessage } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { MeasuredCgroup, ParsePath } from './path.js';

/** Interval of scans where the kernel reports every change: they repair what went wrong for unforeseen reasons. */
const REPAIR_MS = 300_000;
/** Interval of scans where the kernel reports no changes, and delay after a scan has failed. */
const SCAN_MS = 1000;

/**
 * Follows the cgroups below a cgroup2 mount that are measured one by one: by a scan, and after it by the kernel's events.
 * The path of a new cgroup derives from its parent's, so any part of the hierarchy may be mounted.
 */
export class CgroupTree {
  /** Containers and pods, by the inode of the cgroup's directory, which is the kernel's cgroup id. */
  readonly containers = new Map<bigint, MeasuredCgroup>();
  /** Paths, below the mount, of cgroups that are not containers: everything in a container is part of it. */
  readonly #groups = new Map<bigint, string>();
  #changed = false;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param probes source of the kernel's events; undefined where the programs for them are not attached
   * @throws when the mount cannot be read
   */
  constructor(
    private readonly mountPoint: string,
    private readonly parse: ParsePath,
    private readonly probes: Pick<Probes, 'followCgroups'> | undefined,
    private readonly log: Logger,
    private readonly onChange: () => void,
  ) {
    // In this order, so that changes during the scan are reported after it.
    probes?.followCgroups((events) => {
      this.#follow(events);
    });
    this.#scan();
    this.#changed = false;
    this.#scanIn(probes ? REPAIR_MS : SCAN_MS);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #follow({ events, lost }: CgroupEvents): void {
    for (const { kind, cgroupId, parentId, name } of events) {
      const parent = this.#groups.get(parentId);
      if (kind === 'removed') this.#remove(cgroupId);
      else if (parent !== undefined) this.#add(cgroupId, `${parent}/${name}`);
    }
    if (lost > 0) this.#repair();
    this.#notify();
  }

  #scanIn(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#repair();
      this.#notify();
    }, milliseconds);
  }

  /** A failure (too many open files, for example) is left to the next scan. */
  #repair(): void {
    try {
      this.#scan();
      this.#scanIn(this.probes ? REPAIR_MS : SCAN_MS);
    } catch (error) {
      this.log.warn({ error: errorMessage(error) }, 'cannot scan cgroups; retrying');
      this.#scanIn(SCAN_MS);
    }
  }

  #notify(): void {
    if (!this.#changed) return;
    this.#changed = false;
    this.onChange();
  }

  #scan(): void {
    const found = new Set<bigint>();
    this.#visit(statSync(this.mountPoint, { bigint: true }).ino, '', found);
    for (const id of [...this.#groups.keys(), ...this.containers.keys()]) {
      if (!found.has(id)) this.#remove(id);
    }
  }

  #visit(id: bigint, path: string, found: Set<bigint>): void {
    found.add(id);
    this.#add(id, path);
    if (!this.#groups.has(id)) return;
    for (const [name, child] of subdirectories(this.mountPoint + path)) {
      this.#visit(child, `${path}/${name}`, found);
    }
  }

  #add(id: bigint, path: string): void {
    if (this.#groups.has(id) || this.containers.has(id)) return;
    const key = this.parse(path);
    if (!key || key.isPod) this.#groups.set(id, path);
    if (!key) return;
    this.containers.set(id, { ...key, path });
    this.#changed = true;
  }

  #remove(id: bigint): void {
    this.#groups.delete(id);
    if (this.containers.delete(id)) this.#changed = true;
  }
}

/** Returns the inodes of a cgroup's children by name; none if the cgroup is gone. */
function subdirectories(path: string): Map<string, bigint> {
  const inodes = new Map<string, bigint>();
  try {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (!entry.isDirectory()) continue;
      const stats = statSync(`${path}/${entry.name}`, { bigint: true, throwIfNoEntry: false });
      if (stats) inodes.set(entry.name, stats.ino);
    }
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENODEV') throw error;
  }
  return inodes;
}

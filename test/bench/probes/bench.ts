import { mkdirSync, mkdtempSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cgroupRoot } from '../../kernel/harness.js';
import { fromRoot } from '../../../sandbox/paths.js';
import { Processes } from './processes.js';

const BUILD = fromRoot('test/bench/probes/build');
/** Containers of a node that is full by Kubernetes' default. */
export const MANY = 110;
const PAIR = 2;
/** Containers of the largest read-out. */
export const MOST = 2000;
const CONTAINERS = 'containers';

export type LoadKind = 'ring' | 'tcp' | 'connect' | 'crowd' | 'disk' | 'burn';

export interface Load {
  readonly kind: LoadKind;
  readonly members: number;
  /** Its processes live in a cgroup each, or in two that they share. */
  readonly cgroups: 'many' | 'pair';
  readonly milliseconds: number;
}

export interface Done {
  readonly operations: number;
  readonly seconds: number;
  /** What its processes had of the CPUs, whoever else wanted them. */
  readonly cpuSeconds: number;
}

/** Cgroups for loads, and a way to run them; `dispose` leaves nothing of either. */
export class Bench {
  readonly root = cgroupRoot();
  /** Ids of the cgroups in which loads run. */
  readonly cgroupIds: readonly bigint[];
  readonly processes: Processes;
  readonly #home = join(this.root, `kernscale-bench-${process.pid}`);
  readonly #directories: string[] = [];
  #containers: readonly bigint[] = [];
  /** On a disk, which /tmp need not be. */
  readonly #scratch = mkdtempSync('/var/tmp/kernscale-bench-');

  constructor(private readonly signal: AbortSignal) {
    this.processes = new Processes(signal);
    this.#mkdir(this.#home);
    this.cgroupIds = [...this.#cgroups('pair', PAIR), ...this.#cgroups('many', MANY)];
  }

  async run(load: Load): Promise<Done> {
    const { kind, milliseconds, members, cgroups } = load;
    const argv = [kind, milliseconds, members, join(this.#home, cgroups)].map(String);
    return JSON.parse(await this.processes.run([built('loads'), ...argv], this.#scratch)) as Done;
  }

  /** Ids of cgroups for so many containers, which are the same ones each time. */
  containers(count: number): readonly bigint[] {
    if (this.#containers.length === 0) this.#containers = this.#cgroups(CONTAINERS, MOST);
    return this.#containers.slice(0, count);
  }

  /** Lets a process in each of so many containers do a little of everything. */
  async fill(count: number): Promise<void> {
    await this.processes.run([built('fill'), join(this.#home, CONTAINERS), String(count)], this.#scratch);
  }

  async pause(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.signal });
  }

  async dispose(): Promise<void> {
    for (const path of this.#directories.reverse()) await removeCgroup(path);
    rmSync(this.#scratch, { recursive: true, force: true });
  }

  #cgroups(name: string, count: number): bigint[] {
    const parent = this.#mkdir(join(this.#home, name));
    return Array.from(
      { length: count },
      (_, i) => statSync(this.#mkdir(join(parent, String(i))), { bigint: true }).ino,
    );
  }

  #mkdir(path: string): string {
    mkdirSync(path);
    this.#directories.push(path);
    return path;
  }
}

/** A program that the benchmark's Makefile builds. */
export function built(name: string): string {
  return join(BUILD, name);
}

/** A process that was killed leaves its cgroup a little later. */
async function removeCgroup(path: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      rmdirSync(path);
      return;
    } catch (error) {
      if (attempt === 100) throw error;
      await sleep(20);
    }
  }
}

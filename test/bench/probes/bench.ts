import { mkdirSync, mkdtempSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cgroupRoot } from '../../kernel/mounts.js';
import { fromRoot } from '../../../sandbox/paths.js';
import { Processes } from './processes.js';
import type { Figure } from './rows.js';

const BUILD = fromRoot('test/bench/probes/build');
/** Pods of a full node by Kubernetes' default. */
export const MANY = 110;
const PAIR = 2;
/** Containers of the largest snapshot. */
export const MOST = 2000;
const CONTAINERS = 'containers';

export type LoadKind = 'ring' | 'tcp' | 'connect' | 'hold' | 'crowd' | 'disk' | 'burn';

export interface Load {
  readonly kind: LoadKind;
  readonly members: number;
  /** `many`: each process in a cgroup of its own; `pair`: all of them in two; `deep`: in the one that `deep` makes. */
  readonly cgroups: 'many' | 'pair' | 'deep';
  readonly milliseconds: number;
}

export interface LoadResult {
  readonly operations: number;
  readonly seconds: number;
  /** CPU time of its processes. */
  readonly cpuSeconds: number;
}

/** A measurement that is repeated in every round of a run. */
export interface Measure {
  readonly name: string;
  /** Targets of the Makefile that it needs besides the loads and the baseline. */
  readonly needs?: readonly string[];
  round(bench: Bench): Promise<void>;
  /** Figures of all rounds so far. */
  figures(): readonly Figure[];
}

/** Runs loads in cgroups of their own; `dispose` ends and removes them. */
export class Bench {
  readonly root = cgroupRoot();
  /** Ids of the cgroups in which loads run. */
  readonly cgroupIds: bigint[];
  readonly processes: Processes;
  readonly #home = join(this.root, `kernscale-bench-${process.pid}`);
  readonly #directories: string[] = [];
  #containers: readonly bigint[] = [];
  #deep: string | undefined;
  /** On a disk, unlike /tmp on some machines. */
  readonly #scratch = mkdtempSync('/var/tmp/kernscale-bench-');

  constructor(private readonly signal: AbortSignal) {
    this.processes = new Processes(signal);
    this.#mkdir(this.#home);
    this.cgroupIds = [...this.#cgroups('pair', PAIR), ...this.#cgroups('many', MANY)];
  }

  async run(load: Load): Promise<LoadResult> {
    const { kind, milliseconds, members, cgroups } = load;
    const parent = cgroups === 'deep' ? dirname(this.#deep!) : join(this.#home, cgroups);
    const argv = [kind, milliseconds, members, parent].map(String);
    return JSON.parse(await this.processes.run([built('loads'), ...argv], this.#scratch)) as LoadResult;
  }

  /** Ids of cgroups for that many containers, the same ones in each call. */
  containers(count: number): readonly bigint[] {
    if (this.#containers.length === 0) this.#containers = this.#cgroups(CONTAINERS, MOST);
    return this.#containers.slice(0, count);
  }

  /** Path of a tracked cgroup that many levels below the root, the same in each call. */
  deep(levels: number): string {
    this.#deep ??= this.#nest(join(this.#home, 'deep'), levels);
    return this.#deep;
  }

  /** Runs a process in each of that many containers which does a little of everything. */
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

  #nest(top: string, levels: number): string {
    let path = top;
    for (let level = 2; level < levels; level++) path = join(this.#mkdir(path), '0');
    this.cgroupIds.push(statSync(this.#mkdir(path), { bigint: true }).ino);
    return path;
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

/** Path of a program that the benchmark's Makefile builds. */
export function built(name: string): string {
  return join(BUILD, name);
}

/** Retries while a killed process has not left its cgroup. */
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

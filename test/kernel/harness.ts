import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

import { STATES } from '../../native/index.js';
import type { ContainerCounters, Probes, State } from '../../native/index.js';
import { onEnd, removeAtOnce, thaw } from './leftovers.js';
import { cgroupRoot, legacyHierarchy } from './mounts.js';

const HERE = import.meta.dirname;
const LINE_TIMEOUT_MS = 30_000;

/**
 * Fails on a machine that cannot run kernel tests; with KERNSCALE_ALLOW_SKIP=1 it skips them instead.
 * Call it first in a `before` hook.
 */
export function requireKernel(skip: () => void): void {
  const reason =
    process.getuid?.() !== 0
      ? 'the kernel tests must run as root'
      : !existsSync('/sys/kernel/btf/vmlinux')
        ? 'this kernel has no BTF (/sys/kernel/btf/vmlinux): boot one built with CONFIG_DEBUG_INFO_BTF'
        : undefined;
  if (reason === undefined) return;
  if (process.env.KERNSCALE_ALLOW_SKIP !== '1') {
    throw new Error(`${reason}; set KERNSCALE_ALLOW_SKIP=1 to skip them`);
  }
  process.stderr.write(`SKIPPED: ${reason}\n`);
  skip();
}

/** Builds the truth workloads unless they are up to date. */
export function buildTruth(): void {
  execFileSync('make', ['-s', '-C', join(HERE, 'truth')], { stdio: ['ignore', 'ignore', 'inherit'] });
}

export interface Workload {
  readonly pid: number;
  /** Number that the workload printed when it was ready. */
  readonly detail: number;
  /** The next line it prints. */
  line(): Promise<string>;
  /** Writes a line to its standard input. */
  send(line: string): void;
}

export interface Group {
  readonly id: bigint;
  readonly path: string;
  /** Seconds that its runnable threads were out of quota, by the kernel's account. */
  throttled(): number;
  /** Starts a truth workload, or the program of an absolute path, inside, optionally on one CPU, and resolves when it is ready. */
  run(program: string, args?: readonly string[], options?: { oneCpu?: boolean }): Promise<Workload>;
}

/** Cgroups and processes of one test; `dispose` ends and removes them. */
export class Sandbox {
  readonly root: string;
  /** A directory on a disk, unlike /tmp on some machines. */
  readonly scratch = mkdtempSync('/var/tmp/kernscale-test-');
  readonly #children: ChildProcess[] = [];
  readonly #directories: string[] = [];
  readonly #ids: bigint[] = [];
  readonly #disposed = onEnd(() => {
    removeAtOnce(this.#directories, this.scratch);
  });

  constructor() {
    this.root = this.#mkdir(join(cgroupRoot(), `kernscale-test-${process.pid}-${Date.now().toString(36)}`));
  }

  /**
   * @param cores - CPU quota of the group; none by default
   * @param memory - bytes beyond which its threads are held up; none by default
   */
  group(cores?: number, name = `g${this.#ids.length}`, memory?: number): Group {
    const path = this.#mkdir(join(this.root, name));
    const joins = [join(path, 'cgroup.procs')];
    if (cores !== undefined) joins.push(this.#limit(name, path, cores));
    if (memory !== undefined) joins.push(this.#limitMemory(name, path, memory));
    const id = statSync(path, { bigint: true }).ino;
    this.#ids.push(id);
    return {
      id,
      path,
      throttled: () => throttledSeconds(cores === undefined ? path : dirname(joins.at(-1)!)),
      run: (program, args = [], options = {}) => this.#run(joins, program, args, options.oneCpu),
    };
  }

  /** Ids of its groups, without children. */
  get ids(): readonly bigint[] {
    return this.#ids;
  }

  /** A cgroup below another. */
  child(parent: Group): Pick<Group, 'run'> {
    const path = this.#mkdir(join(parent.path, 'child'));
    return {
      run: (program, args = [], options = {}) =>
        this.#run([join(path, 'cgroup.procs')], program, args, options.oneCpu),
    };
  }

  /** A new cgroup in the v1 hierarchy that has the controller; undefined if that is on cgroup2. */
  legacyGroup(controller: string, name: string): string | undefined {
    const hierarchy = legacyHierarchy(controller);
    return hierarchy && this.#mkdir(join(hierarchy, `kernscale-test-${process.pid}-${name}`));
  }

  /** Ends every process started here. */
  async stop(): Promise<void> {
    const ended = this.#children.map(
      (child) =>
        new Promise<void>((resolve) => {
          if (child.exitCode !== null || child.signalCode !== null) resolve();
          else
            child.once('exit', () => {
              resolve();
            });
        }),
    );
    thaw(this.#directories);
    for (const child of this.#children) child.kill('SIGKILL');
    await Promise.all(ended);
    this.#children.length = 0;
  }

  async dispose(): Promise<void> {
    await this.stop();
    for (const path of [...this.#directories].reverse()) await removeCgroup(path);
    rmSync(this.scratch, { recursive: true, force: true });
    this.#disposed();
  }

  /** Ends the processes of a group and removes it. */
  remove({ path }: Group): Promise<void> {
    return removeCgroup(path);
  }

  #mkdir(path: string): string {
    mkdirSync(path);
    this.#directories.push(path);
    return path;
  }

  /** Sets the quota in the hierarchy that has the cpu controller. */
  #limit(name: string, path: string, cores: number): string {
    const period = 100_000;
    const quota = Math.round(cores * period);
    const limited = this.legacyGroup('cpu', name);
    if (limited === undefined) {
      this.#delegate('cpu');
      writeFileSync(join(path, 'cpu.max'), `${quota} ${period}`);
      return join(path, 'cgroup.procs');
    }
    writeFileSync(join(limited, 'cpu.cfs_period_us'), String(period));
    writeFileSync(join(limited, 'cpu.cfs_quota_us'), String(quota));
    return join(limited, 'cgroup.procs');
  }

  /** Holds threads up that exceed the limit: by a throttle, or, under v1, by switching off the OOM killer. */
  #limitMemory(name: string, path: string, bytes: number): string {
    const limited = this.legacyGroup('memory', name);
    if (limited === undefined) {
      this.#delegate('memory');
      writeFileSync(join(path, 'memory.high'), String(bytes));
      return join(path, 'cgroup.procs');
    }
    writeFileSync(join(limited, 'memory.limit_in_bytes'), String(bytes));
    writeFileSync(join(limited, 'memory.oom_control'), '1');
    return join(limited, 'cgroup.procs');
  }

  /** Hands a controller of cgroup2 down to the groups. */
  #delegate(controller: string): void {
    for (const path of [cgroupRoot(), this.root])
      writeFileSync(join(path, 'cgroup.subtree_control'), `+${controller}`);
  }

  async #run(
    joins: readonly string[],
    program: string,
    args: readonly string[],
    oneCpu = false,
  ): Promise<Workload> {
    const pin = oneCpu ? `taskset -c ${firstCpu()} ` : '';
    const enter = joins.map((procs) => `echo $$ > ${procs}`).join(' && ');
    const child = spawn(
      'sh',
      ['-c', `${enter} && exec ${pin}"$@"`, 'sh', resolve(HERE, 'build', program), ...args],
      { stdio: ['pipe', 'pipe', 'pipe'] },
    );
    this.#children.push(child);
    let stderr = '';
    child.stderr.on('data', (text) => (stderr += String(text)));
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const line = async (): Promise<string> => {
      const next = await Promise.race([lines.next(), sleep(LINE_TIMEOUT_MS, undefined, { ref: false })]);
      if (next === undefined) throw new Error(`${program} ${args.join(' ')} printed no line in time`);
      if (next.done === true) throw new Error(`${program} ${args.join(' ')} ended: ${stderr}`);
      return next.value;
    };
    const first = await line();
    if (!first.startsWith('ready ')) throw new Error(`${program} printed ${first} instead of ready`);
    return {
      pid: child.pid!,
      detail: Number(first.slice('ready '.length)),
      line,
      send: (text) => child.stdin.write(`${text}\n`),
    };
  }
}

/** First CPU that this process may run on, which need not be CPU 0. */
function firstCpu(): string {
  return /^Cpus_allowed_list:\t(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]!;
}

function throttledSeconds(path: string): number {
  const stat = readFileSync(join(path, 'cpu.stat'), 'utf8');
  const ns = /^throttled_time (\d+)$/m.exec(stat); // v1
  const us = /^throttled_usec (\d+)$/m.exec(stat); // v2
  return ns === null ? Number(us?.[1]) / 1e6 : Number(ns[1]) / 1e9;
}

/** Kills the processes of a cgroup and removes it, retrying until they have left. */
async function removeCgroup(path: string): Promise<void> {
  const procs = join(path, 'cgroup.procs');
  for (let attempt = 0; existsSync(path); attempt++) {
    for (const pid of readFileSync(procs, 'utf8').split('\n'))
      if (pid !== '') process.kill(Number(pid), 'SIGKILL');
    try {
      rmdirSync(path);
    } catch (error) {
      if (attempt > 100) throw error;
      await sleep(20);
    }
  }
}

export type StateSeconds = Record<State, number>;

export interface Window {
  /** Thread-seconds between the two reads. */
  readonly states: StateSeconds;
  readonly wall: number;
  /** Instant of the second read, in seconds of `performance.now()`. */
  readonly end: number;
  readonly before: ContainerCounters;
  readonly after: ContainerCounters;
}

export function countersOf(probes: Probes, slot: number): ContainerCounters {
  return readQuickly(probes, slot).counters;
}

const QUICK_MS = 3;

/** Reads until one read is short enough to know its instant: on a busy machine a read may be interrupted. */
function readQuickly(probes: Probes, slot: number): { counters: ContainerCounters; at: number } {
  for (let attempt = 0; ; attempt++) {
    const start = performance.now();
    const { containers } = probes.read();
    const end = performance.now();
    if (end - start > QUICK_MS && attempt < 50) continue;
    const counters = containers.find((container) => container.slot === slot);
    if (counters === undefined) throw new Error(`slot ${slot} is not in the snapshot`);
    return { counters, at: (start + end) / 2000 };
  }
}

/** Reads the group's counters before and after `work`. */
export async function measure(
  probes: Probes,
  group: Pick<Group, 'id'>,
  work: () => Promise<unknown>,
): Promise<Window> {
  return measureSlot(probes, probes.track(group.id), work);
}

export async function measureSlot(
  probes: Probes,
  slot: number,
  work: () => Promise<unknown>,
): Promise<Window> {
  probes.read(); // flushes long in-flight intervals, so that the first read that counts is quick
  const before = readQuickly(probes, slot);
  await work();
  const after = readQuickly(probes, slot);
  return {
    before: before.counters,
    after: after.counters,
    wall: after.at - before.at,
    end: after.at,
    states: difference(after.counters.stateSeconds, before.counters.stateSeconds),
  };
}

export function difference(after: Readonly<StateSeconds>, before: Readonly<StateSeconds>): StateSeconds {
  return Object.fromEntries(STATES.map((state) => [state, after[state] - before[state]])) as StateSeconds;
}

export function total(states: Readonly<StateSeconds>): number {
  return STATES.reduce((sum, state) => sum + states[state], 0);
}

/** Thread-seconds of blocked threads. */
export function blocked(states: Readonly<StateSeconds>): number {
  return total(states) - states.oncpu - states.runqueue - states.throttled;
}

/** Renders the states of a window for the message of a failing test. */
export function describeStates(states: Readonly<StateSeconds>): string {
  return STATES.filter((state) => states[state] > 0.0005)
    .map((state) => `${state} ${states[state].toFixed(3)}`)
    .join(', ');
}

export interface SchedStat {
  readonly oncpu: number;
  readonly runqueue: number;
}

/** On-CPU and run-queue seconds of all threads of a process, by the kernel's account. */
export function schedstat(pid: number): SchedStat {
  let oncpu = 0;
  let runqueue = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const [ran, waited] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
    oncpu += Number(ran) / 1e9;
    runqueue += Number(waited) / 1e9;
  }
  return { oncpu, runqueue };
}

import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { ContainerCounters, Histogram, Probes, State } from 'bpf-linker-napi';
import { createContainer } from './container.js';
import { compareCount, compareStates } from './compare.js';
import type { TaskReport, Truth } from './report.js';

const run = promisify(execFile);
const TASK_MS = 2000;
const POLL_MS = 10;
const DESCRIPTORS = '/proc/self/fdinfo';
/** Several times the 100 ms within which an event of a new cgroup arrives. */
const EVENT_MS = 500;
/** 20 % of a CPU in periods of 100 ms, of which a task lives through 20. */
/** The programs without which thread states are absent. */
const STATE_PROGRAMS = ['sched_switch', 'flush_threads'];
const THROTTLED = { 'cpu.max': '20000 100000' };

/** A count that the task keeps too, and the programs without which it is absent. */
interface Count {
  readonly expected: string;
  readonly needs: readonly string[];
  readonly truth: (task: TaskReport) => number;
  readonly seen: (counters: ContainerCounters) => number;
  readonly tolerance: () => number;
}

interface Experiment {
  readonly kind: string;
  readonly name: string;
  readonly state: State;
  readonly settings?: Readonly<Record<string, string>>;
  /** Kernel feature that the check needs; the detail of an attached program names it if it is absent. */
  readonly needs?: string;
  /** Number of threads that are throttled together; 1 by default. */
  readonly throttledThreads?: number;
  readonly count?: Count;
}

/** The last response may still be on its way when the server ends; the kernel hides others by skipping programs. */
const messageTolerance = () => 1 + skippedRuns();
const readsOf = (counters: ContainerCounters) => counters.blockIo.filter(({ op }) => op === 'read');
const writesOf = (counters: ContainerCounters) => counters.blockIo.filter(({ op }) => op === 'write');

/** Tasks that are blocked nearly all the time, so that they can run at once. */
const QUIET: readonly Experiment[] = [
  { kind: 'sleep', name: 'one long sleep', state: 'sleep' },
  { kind: 'park', name: 'parked pool', state: 'idle' },
  { kind: 'pipe', name: 'pipe reader', state: 'ipc' },
  { kind: 'poll', name: 'poll of a pipe', state: 'ipc' },
  {
    kind: 'request',
    name: 'TCP client',
    state: 'network',
    count: {
      expected: 'responses received',
      needs: ['tcp_rcv_space_adjust'],
      truth: (task) => task.operations,
      seen: (counters) => total(counters.peers.map(({ histograms }) => observations(histograms.wait))),
      tolerance: messageTolerance,
    },
  },
  {
    kind: 'serve',
    name: 'TCP server',
    state: 'idle',
    count: {
      expected: 'requests served',
      needs: ['tcp_rcv_space_adjust'],
      truth: (task) => task.operations,
      seen: (counters) => observations(counters.histograms.tcp_serve),
      tolerance: messageTolerance,
    },
  },
  {
    kind: 'direct',
    name: 'O_DIRECT reader',
    state: 'disk',
    count: {
      expected: 'bytes read',
      needs: ['block_rq_complete'],
      truth: (task) => task.bytes,
      seen: (counters) => total(readsOf(counters).map(({ histograms }) => histograms.bytes.sum)),
      tolerance: () => 0,
    },
  },
];

/** The same through io_uring: the kernel marks every wait for a completion as a wait for I/O. */
const URING: readonly Experiment[] = [
  { kind: 'uring-sleep', name: 'io_uring timer', state: 'sleep' },
  { kind: 'uring-serve', name: 'io_uring server', state: 'idle' },
  { kind: 'uring-read', name: 'io_uring reader', state: 'disk' },
];

/** Tasks that need the CPUs or the disk for themselves. */
const ALONE: readonly Experiment[] = [
  { kind: 'mapped', name: 'mapped-file reader', state: 'disk' },
  { kind: 'contend', name: 'mutex contention', state: 'lock' },
  { kind: 'fill', name: 'memory.high', state: 'reclaim', settings: { 'memory.high': '4M' } },
  { kind: 'burn', name: 'CPU burner', state: 'oncpu' },
  { kind: 'share', name: 'two burners, one CPU', state: 'runqueue' },
  { kind: 'burn', name: 'throttled burner', state: 'throttled', settings: THROTTLED },
  {
    kind: 'share',
    name: 'two throttled burners, one CPU',
    state: 'throttled',
    settings: THROTTLED,
    throttledThreads: 2,
    needs: 'throttled_clock_self_time',
  },
];

/**
 * Runs every task and reports each result at once.
 *
 * @param created ids of the cgroups whose creation the probes have reported so far
 */
export async function runTruths(
  probes: Probes,
  created: readonly bigint[],
  report: (truth: Truth) => void,
): Promise<void> {
  const attached = new Set(
    probes.programs.filter((program) => program.attached).map(({ program }) => program),
  );
  for (const wave of [QUIET, URING])
    await Promise.all(wave.map((experiment) => perform(experiment, probes, attached, report)));
  for (const experiment of ALONE) await perform(experiment, probes, attached, report);
  report(await inFlight(probes, attached));
  report(await writeback(probes, attached));
  report(await newCgroup(probes, attached, created));
}

async function perform(
  experiment: Experiment,
  probes: Probes,
  attached: ReadonlySet<string>,
  report: (truth: Truth) => void,
): Promise<void> {
  const { kind, name, state, settings, needs, throttledThreads = 1, count } = experiment;
  const container = createContainer(probes, `${kind}-${state}`, settings);
  const task = await container.run(kind, TASK_MS);
  const counters = container.counters();
  const throttledSeconds = throttledThreads * container.throttledSeconds();
  container.remove();
  const lacking = probes.programs.find(({ detail }) => needs !== undefined && detail.includes(needs));
  if (lacking) report({ name, expected: state, share: null, ok: true, detail: lacking.detail });
  else
    report(
      absent(name, state, STATE_PROGRAMS, attached) ??
        compareStates(name, state, { ...task, throttledSeconds }, counters.stateSeconds),
    );
  if (count) report(compareOrAbsent(name, count, attached, task, counters));
}

function compareOrAbsent(
  name: string,
  { expected, needs, truth, seen, tolerance }: Count,
  attached: ReadonlySet<string>,
  task: TaskReport,
  counters: ContainerCounters,
): Truth {
  return (
    absent(name, expected, needs, attached) ??
    compareCount(name, expected, truth(task), seen(counters), tolerance())
  );
}

/** Returns the result of a check without the programs it needs, or undefined if all are attached. */
function absent(
  name: string,
  expected: string,
  needs: readonly string[],
  attached: ReadonlySet<string>,
): Truth | undefined {
  const lacking = needs.filter((program) => !attached.has(program));
  if (lacking.length === 0) return undefined;
  return { name, expected, share: null, ok: true, detail: `needs ${lacking.join(', ')}` };
}

/** Checks that a thread asleep for the whole window is counted while it sleeps, not when it wakes up. */
async function inFlight(probes: Probes, attached: ReadonlySet<string>): Promise<Truth> {
  const name = 'in-flight sleep';
  const lacking = absent(name, 'sleep', STATE_PROGRAMS, attached);
  if (lacking) return lacking;
  const container = createContainer(probes, 'in-flight');
  const task = container.run('sleep', TASK_MS);
  const deadline = performance.now() + TASK_MS;
  while (container.counters().stateSeconds.sleep === 0 && performance.now() < deadline) await sleep(POLL_MS);
  const [startedAt, before] = [performance.now(), container.counters().stateSeconds.sleep];
  await sleep(TASK_MS / 4);
  const [endedAt, after] = [performance.now(), container.counters().stateSeconds.sleep];
  await task;
  container.remove();
  const share = (after - before) / ((endedAt - startedAt) / 1000);
  const detail = `${(after - before).toFixed(3)} of ${((endedAt - startedAt) / 1000).toFixed(3)} s`;
  return { name, expected: 'sleep', share, ok: Math.abs(share - 1) <= 0.02, detail };
}

/** Checks that pages dirtied by a task that has ended are billed to its cgroup when a kernel thread writes them. */
async function writeback(probes: Probes, attached: ReadonlySet<string>): Promise<Truth> {
  const container = createContainer(probes, 'writeback');
  const task = await container.run('buffered', TASK_MS);
  const atExit = total(writesOf(container.counters()).map(({ histograms }) => histograms.bytes.sum));
  await run('sync', []);
  const counters = container.counters();
  container.remove();
  const count: Count = {
    expected: 'bytes written back',
    needs: ['block_rq_complete'],
    truth: ({ bytes }) => bytes,
    seen: (seen) => total(writesOf(seen).map(({ histograms }) => histograms.bytes.sum)),
    // The file system also writes the file's directory.
    tolerance: () => 0.05 * task.bytes,
  };
  const truth = compareOrAbsent('buffered writer', count, attached, task, counters);
  return { ...truth, detail: `${truth.detail}, ${atExit} of them before the writer ended` };
}

async function newCgroup(
  probes: Probes,
  attached: ReadonlySet<string>,
  created: readonly bigint[],
): Promise<Truth> {
  const [name, expected] = ['new container', 'creation events'];
  const lacking = absent(name, expected, ['cgroup_created'], attached);
  if (lacking) return lacking;
  const container = createContainer(probes, 'new');
  await sleep(EVENT_MS);
  container.remove();
  const events = created.filter((id) => id === container.id).length;
  return compareCount(name, expected, 1, events, 0);
}

/** Number of a histogram's observations. */
function observations(histogram: Histogram): number {
  return total([...histogram.buckets]);
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/**
 * Number of runs of this process's BPF programs that the kernel has skipped. It skips a program on a CPU where another
 * run of it has not ended; tracepoint programs can be preempted (seen on 7.x), so any task can cause that. Each skipped
 * run is a message that the probes miss.
 */
export function skippedRuns(): number {
  return total(
    readdirSync(DESCRIPTORS).map((fd) =>
      Number(/^recursion_misses:\s*(\d+)/m.exec(descriptorInfo(fd))?.[1] ?? 0),
    ),
  );
}

function descriptorInfo(fd: string): string {
  try {
    return readFileSync(`${DESCRIPTORS}/${fd}`, 'utf8');
  } catch {
    return ''; // the listing's own descriptor, which is closed
  }
}

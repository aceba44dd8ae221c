import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { ContainerCounters, Histogram, Probes, State } from 'bpf-linker-napi';
import { createContainer } from './container.js';
import { judgeCount, judgeStates } from './judge.js';
import type { TaskReport, Truth } from './report.js';
import { skippedRuns } from './skipped.js';

const run = promisify(execFile);
const TASK_MS = 2000;
const POLL_MS = 10;
/** Several times the 100 ms within which a new cgroup is promised to be told. */
const EVENT_MS = 500;
/** Long enough for several periods of the quota, 100 ms each. */
const THROTTLED = { 'cpu.max': '20000 100000' };

/** A count that the task knows too, and the programs without which it is absent. */
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
  /** A kernel that lacks this cannot tell: the detail of an attached program says so. */
  readonly needs?: string;
  /** How many threads are out of quota when their group is; one if not said. */
  readonly throttledThreads?: number;
  readonly count?: Count;
}

/** The last request may still be on its way out when its server ends; others the kernel kept from the probes. */
const messagesUnseen = () => 1 + skippedRuns();
const readsOf = (counters: ContainerCounters) => counters.blockIo.filter(({ op }) => op === 'read');
const writesOf = (counters: ContainerCounters) => counters.blockIo.filter(({ op }) => op === 'write');

/** Blocked nearly all the time, so they can run side by side. */
const QUIET: readonly Experiment[] = [
  { kind: 'sleep', name: 'one long sleep', state: 'sleep' },
  { kind: 'park', name: 'parked pool', state: 'idle' },
  { kind: 'pipe', name: 'pipe reader', state: 'ipc' },
  {
    kind: 'request',
    name: 'TCP client',
    state: 'network',
    count: {
      expected: 'answers awaited',
      needs: ['tcp_rcv_space_adjust'],
      truth: (task) => task.operations,
      seen: (counters) => total(counters.peers.map(({ wait }) => observations(wait))),
      tolerance: messagesUnseen,
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
      seen: (counters) => observations(counters.tcpServe),
      tolerance: messagesUnseen,
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
      seen: (counters) => total(readsOf(counters).map(({ bytes }) => bytes.sum)),
      tolerance: () => 0,
    },
  },
];

/** The same again through io_uring, whose waiters the kernel marks as waiting for I/O whatever they wait for. */
const URING: readonly Experiment[] = [
  { kind: 'uring-sleep', name: 'io_uring timer', state: 'sleep' },
  { kind: 'uring-serve', name: 'io_uring server', state: 'idle' },
  { kind: 'uring-read', name: 'io_uring reader', state: 'disk' },
];

/** Each needs the CPUs, or the disk, for itself. */
const ALONE: readonly Experiment[] = [
  { kind: 'mapped', name: 'mapped-file reader', state: 'disk' },
  { kind: 'contend', name: 'mutex contention', state: 'lock' },
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
 * Runs everything and hands over each verdict as soon as it is known.
 *
 * @param created ids of the cgroups that the probes told of so far
 */
export async function runTruths(
  probes: Probes,
  created: readonly bigint[],
  tell: (truth: Truth) => void,
): Promise<void> {
  const attached = new Set(
    probes.programs.filter((program) => program.attached).map(({ program }) => program),
  );
  for (const wave of [QUIET, URING])
    await Promise.all(wave.map((experiment) => perform(experiment, probes, attached, tell)));
  for (const experiment of ALONE) await perform(experiment, probes, attached, tell);
  tell(await inFlight(probes));
  tell(await writeback(probes, attached));
  tell(await newCgroup(probes, created));
}

async function perform(
  experiment: Experiment,
  probes: Probes,
  attached: ReadonlySet<string>,
  tell: (truth: Truth) => void,
): Promise<void> {
  const { kind, name, state, settings, needs, throttledThreads = 1, count } = experiment;
  const container = createContainer(probes, `${kind}-${state}`, settings);
  const task = await container.run(kind, TASK_MS);
  const counters = container.counters();
  const throttledSeconds = throttledThreads * container.throttledSeconds();
  container.remove();
  const lacking = probes.programs.find(({ detail }) => needs !== undefined && detail.includes(needs));
  if (lacking) tell({ name, expected: state, share: null, ok: true, detail: lacking.detail });
  else tell(judgeStates(name, state, { ...task, throttledSeconds }, counters.stateSeconds));
  if (count) tell(judgeOrAbsent(name, count, attached, task, counters));
}

function judgeOrAbsent(
  name: string,
  count: Count,
  attached: ReadonlySet<string>,
  task: TaskReport,
  counters: ContainerCounters,
): Truth {
  const lacking = count.needs.filter((program) => !attached.has(program));
  const { expected } = count;
  if (lacking.length > 0)
    return { name, expected, share: null, ok: true, detail: `needs ${lacking.join(', ')}` };
  return judgeCount(name, expected, count.truth(task), count.seen(counters), count.tolerance());
}

/** A thread that sleeps through the whole window is counted as the time passes, not when it wakes up. */
async function inFlight(probes: Probes): Promise<Truth> {
  const container = createContainer(probes, 'in-flight');
  const task = container.run('sleep', TASK_MS);
  const deadline = performance.now() + TASK_MS;
  while (container.counters().stateSeconds.sleep === 0 && performance.now() < deadline) await sleep(POLL_MS);
  const [began, before] = [performance.now(), container.counters().stateSeconds.sleep];
  await sleep(TASK_MS / 4);
  const [ended, after] = [performance.now(), container.counters().stateSeconds.sleep];
  await task;
  container.remove();
  const share = (after - before) / ((ended - began) / 1000);
  const detail = `${(after - before).toFixed(3)} of ${((ended - began) / 1000).toFixed(3)} s`;
  return { name: 'asleep all along', expected: 'sleep', share, ok: Math.abs(share - 1) <= 0.02, detail };
}

/** Pages dirtied by a task that is gone are written by a kernel thread, and billed to the task's cgroup. */
async function writeback(probes: Probes, attached: ReadonlySet<string>): Promise<Truth> {
  const container = createContainer(probes, 'writeback');
  const task = await container.run('buffered', TASK_MS);
  const atExit = total(writesOf(container.counters()).map(({ bytes }) => bytes.sum));
  await run('sync', []);
  const counters = container.counters();
  container.remove();
  const count: Count = {
    expected: 'bytes written back',
    needs: ['block_rq_complete'],
    truth: ({ bytes }) => bytes,
    seen: (seen) => total(writesOf(seen).map(({ bytes }) => bytes.sum)),
    // The file system adds a little of its own, for the file's directory.
    tolerance: () => 0.05 * task.bytes,
  };
  const truth = judgeOrAbsent('buffered writer', count, attached, task, counters);
  return { ...truth, detail: `${truth.detail}, ${atExit} of them before the writer ended` };
}

async function newCgroup(probes: Probes, created: readonly bigint[]): Promise<Truth> {
  const container = createContainer(probes, 'new');
  await sleep(EVENT_MS);
  container.remove();
  const told = created.filter((id) => id === container.id).length;
  return judgeCount('new container', 'told once', 1, told, 0);
}

/** How many values a histogram has seen. */
function observations(histogram: Histogram): number {
  return total([...histogram.buckets]);
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

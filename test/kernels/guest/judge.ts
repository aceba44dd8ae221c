import { REASONS, STATES, type State } from 'bpf-linker-napi';
import type { StateSeconds, TaskReport, Truth } from './report.js';

/** Blocked time that may be seen under a wrong reason, and time whose reason may stay unknown. */
const WRONG_AT_MOST = 0.05;
const OTHER_AT_MOST = 0.01;
/** How far a measured time may be outside of what the task knows. */
const TIME_WITHIN = 0.01;

/** What the kernel knows of a task's cgroup. */
export interface Quota {
  readonly throttledSeconds: number;
}

/** Holds the states measured for a task against what the task knows of itself. */
export function judgeStates(name: string, state: State, task: TaskReport & Quota, seen: StateSeconds): Truth {
  const total = sum(STATES, seen);
  const right = seen[state] / sum(rivals(state), seen);
  const amount = distance(seen[state], trueRange(state, task, seen)) / task.threadSeconds;
  const lives: Range = [task.threadSeconds - task.unsureSeconds, task.threadSeconds];
  const conserved = distance(total, lives) / task.threadSeconds;
  const ok =
    right >= 1 - WRONG_AT_MOST &&
    Math.abs(amount) <= TIME_WITHIN &&
    Math.abs(conserved) <= TIME_WITHIN &&
    seen.other <= OTHER_AT_MOST * total;
  const parts = STATES.filter((each) => seen[each] >= 0.0005).map(
    (each) => `${each} ${seen[each].toFixed(3)}`,
  );
  const detail = `${parts.join(', ')} s; amount off by ${percent(amount)}, sum by ${percent(conserved)}`;
  return { name, expected: state, share: right, ok, detail };
}

/** Holds a count against the truth; both are exact, save for what is still under way at the end. */
export function judgeCount(
  name: string,
  expected: string,
  truth: number,
  seen: number,
  tolerance: number,
): Truth {
  const detail = `${seen} of ${truth}`;
  return { name, expected, share: seen / truth, ok: Math.abs(seen - truth) <= tolerance, detail };
}

/** The states that time of this one could be mistaken for, itself included. */
function rivals(state: State): readonly State[] {
  if (isReason(state)) return REASONS;
  if (state === 'oncpu') return ['oncpu', ...REASONS];
  // A slow machine lets a thread wait for a CPU as well when its quota has returned: the amount tells them apart.
  return state === 'throttled' ? ['throttled', ...REASONS] : ['runqueue', 'throttled', ...REASONS];
}

function isReason(state: State): boolean {
  return (REASONS as readonly State[]).includes(state);
}

type Range = readonly [least: number, most: number];

/** What the task knows of the time it spent in a state. */
function trueRange(state: State, task: TaskReport & Quota, seen: StateSeconds): Range {
  const { cpuSeconds, threadSeconds, blockedSeconds, throttledSeconds, unsureSeconds } = task;
  if (state === 'oncpu') return [cpuSeconds, cpuSeconds];
  // A thread that is made when the quota is used up waits for its first run, before it is a thread of the task's.
  if (state === 'throttled') return [throttledSeconds - unsureSeconds, throttledSeconds];
  if (isReason(state))
    // A call that blocks also takes CPU time, and once woken waits for a CPU, before it returns.
    return [blockedSeconds - seen.oncpu - seen.runqueue, blockedSeconds];
  const waiting = threadSeconds - cpuSeconds;
  return [waiting - unsureSeconds, waiting];
}

/** How far a value is above (or, negative, below) a range; 0 inside of it. */
function distance(value: number, [least, most]: Range): number {
  return value > most ? value - most : Math.min(0, value - least);
}

function sum(states: readonly State[], seen: StateSeconds): number {
  return states.reduce((total, state) => total + seen[state], 0);
}

function percent(ratio: number): string {
  return `${(100 * ratio).toFixed(1)} %`;
}

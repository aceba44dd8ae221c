import { REASONS, STATES, type State } from 'bpf-linker-napi';
import type { StateSeconds, TaskReport, Truth } from './report.js';

/** Share of blocked time that may have a wrong reason, and share of all time that may have none. */
const WRONG_AT_MOST = 0.05;
const OTHER_AT_MOST = 0.01;
/** Allowed distance of a measured time from the task's own, as a share of its lifetime. */
const TIME_WITHIN = 0.01;

/** The kernel's own figures about a task's cgroup. */
export interface Quota {
  readonly throttledSeconds: number;
}

/** Compares the states measured for a task with the task's own figures. */
export function compareStates(
  name: string,
  state: State,
  task: TaskReport & Quota,
  seen: StateSeconds,
): Truth {
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

/** Compares a count with the task's own; both are exact, except for operations under way at the end. */
export function compareCount(
  name: string,
  expected: string,
  truth: number,
  seen: number,
  tolerance: number,
): Truth {
  const detail = `${seen} of ${truth}`;
  return { name, expected, share: seen / truth, ok: Math.abs(seen - truth) <= tolerance, detail };
}

/** States that the time could be mistaken for, the right one included. */
function rivals(state: State): readonly State[] {
  if (isReason(state)) return REASONS;
  if (state === 'oncpu') return ['oncpu', ...REASONS];
  // On a slow machine a thread also waits for a CPU when its quota has returned: compare the amount instead.
  return state === 'throttled' ? ['throttled', ...REASONS] : ['runqueue', 'throttled', ...REASONS];
}

function isReason(state: State): boolean {
  return (REASONS as readonly State[]).includes(state);
}

type Range = readonly [least: number, most: number];

/** Range of the time that the task spent in a state, by its own figures. */
function trueRange(state: State, task: TaskReport & Quota, seen: StateSeconds): Range {
  const { cpuSeconds, threadSeconds, blockedSeconds, throttledSeconds, unsureSeconds } = task;
  if (state === 'oncpu') return [cpuSeconds, cpuSeconds];
  // A thread created when the quota is used up is throttled before the task counts it.
  if (state === 'throttled') return [throttledSeconds - unsureSeconds, throttledSeconds];
  if (isReason(state))
    // Before a blocking call returns, the thread also runs and, once woken, waits for a CPU.
    return [blockedSeconds - seen.oncpu - seen.runqueue, blockedSeconds];
  const waiting = threadSeconds - cpuSeconds;
  return [waiting - unsureSeconds, waiting];
}

/** Distance of a value from a range: positive above it, negative below it, 0 inside. */
function distance(value: number, [least, most]: Range): number {
  return value > most ? value - most : Math.min(0, value - least);
}

function sum(states: readonly State[], seen: StateSeconds): number {
  return states.reduce((total, state) => total + seen[state], 0);
}

function percent(ratio: number): string {
  return `${(100 * ratio).toFixed(1)} %`;
}

import type { Grid } from '../promql/range.js';
import { UNKNOWN, type Timeline } from './timeline.js';

/** How often replicas changed, and in which directions. */
export interface Movement {
  readonly ups: number;
  readonly downs: number;
  /** Changes in the direction opposite to the change before. */
  readonly reversals: number;
  /** Replicas × hours, over the times at which both are known. */
  readonly replicaHours: number;
  readonly highest: number;
}

/** A time throughout which fewer, or more, replicas were proposed than there were. */
export interface Disagreement {
  /** Seconds since the epoch. */
  readonly from: number;
  readonly to: number;
  /** Where they were furthest apart. */
  readonly proposed: number;
  readonly actual: number;
  /** Class of the workload there. */
  readonly class: string;
}

export interface Gap {
  readonly from: number;
  readonly to: number;
}

export interface Summary {
  readonly proposed: Movement;
  readonly actual: Movement;
  /** The part of the time compared in which they differ, 0..1; 0 when nothing could be compared. */
  readonly disagreement: number;
  readonly disagreements: readonly Disagreement[];
  /** When data was missing: the proposal was held, never lowered. */
  readonly gaps: readonly Gap[];
  readonly comparedSeconds: number;
}

export function summarise(timeline: Timeline, grid: Grid): Summary {
  const { proposed, actual, gaps } = timeline;
  const compared = (index: number): boolean => proposed[index] !== UNKNOWN && actual[index] !== UNKNOWN;
  const times = runs(timeline.length, (index) => (compared(index) ? 1 : 0));
  const comparedSteps = times.reduce((sum, { from, to, kind }) => sum + (kind === 1 ? to - from : 0), 0);
  const apart = runs(timeline.length, (index) =>
    compared(index) ? Math.sign(proposed[index]! - actual[index]!) : 0,
  ).filter(({ kind }) => kind !== 0);
  const differing = apart.reduce((sum, { from, to }) => sum + to - from, 0);
  const at = (index: number): number => grid.from + index * grid.step;
  return {
    proposed: movement(proposed, compared, grid.step),
    actual: movement(actual, compared, grid.step),
    disagreement: comparedSteps === 0 ? 0 : differing / comparedSteps,
    disagreements: apart.map((run) => ({ from: at(run.from), to: at(run.to), ...furthest(timeline, run) })),
    gaps: runs(timeline.length, (index) => gaps[index]!)
      .filter(({ kind }) => kind === 1)
      .map(({ from, to }) => ({ from: at(from), to: at(to) })),
    comparedSeconds: comparedSteps * grid.step,
  };
}

interface Run {
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  readonly kind: number;
}

/** Cuts 0 to `length` where the kind changes. */
function runs(length: number, kindAt: (index: number) => number): Run[] {
  const found: Run[] = [];
  let from = 0;
  for (let index = 1; index <= length; index++) {
    const kind = kindAt(from);
    if (index < length && kindAt(index) === kind) continue;
    found.push({ from, to: index, kind });
    from = index;
  }
  return found;
}

function movement(replicas: Int32Array, compared: (index: number) => boolean, step: number): Movement {
  let [ups, downs, reversals, highest, steps] = [0, 0, 0, 0, 0];
  let previous = UNKNOWN;
  let direction = 0;
  for (const [index, count] of replicas.entries()) {
    if (!compared(index)) continue;
    steps += count;
    highest = Math.max(highest, count);
    const change = previous === UNKNOWN ? 0 : Math.sign(count - previous);
    if (change > 0) ups++;
    if (change < 0) downs++;
    if (change * direction < 0) reversals++;
    if (change !== 0) direction = change;
    previous = count;
  }
  return { ups, downs, reversals, highest, replicaHours: (steps * step) / 3600 };
}

function furthest(timeline: Timeline, { from, to }: Run): Omit<Disagreement, 'from' | 'to'> {
  const { proposed, actual } = timeline;
  let widest = from;
  for (let index = from; index < to; index++) {
    const distance = Math.abs(proposed[index]! - actual[index]!);
    if (distance > Math.abs(proposed[widest]! - actual[widest]!)) widest = index;
  }
  return { proposed: proposed[widest]!, actual: actual[widest]!, class: timeline.classAt(widest) };
}

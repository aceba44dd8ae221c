import type { WorkloadKey } from '../core/types.js';
import type { Grid } from '../promql/range.js';

/** Replicas that are not known. */
export const UNKNOWN = -1;

/** A change of the proposed replicas. */
interface Change {
  /** Seconds since the epoch. */
  readonly at: number;
  readonly from: number;
  readonly to: number;
  readonly class: string;
  readonly reason: string;
}

/** Replicas that the rules propose for a workload beside its actual ones, at every step of the backtest. */
export class Timeline {
  /** `UNKNOWN` at steps without a decision. */
  readonly proposed: Int32Array;
  /** `UNKNOWN` at steps for which Prometheus has no value. */
  readonly actual: Int32Array;
  /** 1 at steps where data that the rule needs was absent, which holds scale-down. */
  readonly gaps: Uint8Array;
  readonly changes: Change[] = [];
  readonly #classes: Uint8Array;
  readonly #classNames: string[] = [''];

  constructor(
    readonly workload: WorkloadKey,
    readonly group: string,
    /** Name of the rule. */
    readonly rule: string,
    readonly minReplicas: number,
    readonly maxReplicas: number,
    readonly length: number,
  ) {
    this.proposed = new Int32Array(length).fill(UNKNOWN);
    this.actual = new Int32Array(length).fill(UNKNOWN);
    this.gaps = new Uint8Array(length);
    this.#classes = new Uint8Array(length);
  }

  /** Class of the workload; empty without a decision. */
  classAt(index: number): string {
    return this.#classNames[this.#classes[index]!]!;
  }

  setClass(index: number, workloadClass: string): void {
    let number = this.#classNames.indexOf(workloadClass);
    if (number < 0) number = this.#classNames.push(workloadClass) - 1;
    this.#classes[index] = number;
  }
}

/** Changes of a replica count over time. */
export interface Movement {
  readonly ups: number;
  readonly downs: number;
  /** Changes in the direction opposite to the change before. */
  readonly reversals: number;
  /** Replicas × hours, over the steps at which both counts are known. */
  readonly replicaHours: number;
  readonly highest: number;
}

/** A period in which the proposed replicas are always above, or always below, the actual ones. */
export interface Disagreement {
  /** Seconds since the epoch. */
  readonly from: number;
  readonly to: number;
  /** At the step with the largest difference. */
  readonly proposed: number;
  readonly actual: number;
  /** Class of the workload at that step. */
  readonly class: string;
}

interface Gap {
  readonly from: number;
  readonly to: number;
}

export interface Summary {
  readonly proposed: Movement;
  readonly actual: Movement;
  /** Share of the compared time in which they differ, 0..1; 0 if no time is compared. */
  readonly disagreement: number;
  readonly disagreements: readonly Disagreement[];
  /** Periods without data, in which the proposal is held. */
  readonly gaps: readonly Gap[];
  readonly comparedSeconds: number;
}

export function summaryOf(timeline: Timeline, grid: Grid): Summary {
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

/** Splits 0 to `length` where the kind changes. */
export function runs(length: number, kindAt: (index: number) => number): Run[] {
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

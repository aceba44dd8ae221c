import type { History } from './history.js';
import type { Condition, Objective, StepAction } from './rule.js';
import type { Absent } from './samples.js';
import type { WorkloadKey } from './workload.js';

/** A decision that is not put into words yet. */
export interface Conclusion {
  readonly replicas: number;
  /** The class: `bound` of the step that matched, `none` when none did, `unknown` when data to tell is absent. */
  readonly class: string;
  /** What the class calls for. Whether replicas change is `replicas` against `trace.currentReplicas`. */
  readonly action: StepAction;
  readonly trace: Omit<Trace, 'wouldChange'>;
  /** The next history once `replicas` is applied (or equals the current replicas). */
  readonly history: History;
  /** The next history when it is not applied: dry run, failed write, lost leadership. */
  readonly historyIfNotApplied: History;
}

export interface Decision extends Conclusion {
  /** One plain sentence. */
  readonly reason: string;
  readonly trace: Trace;
}

export interface Trace {
  readonly workload: WorkloadKey;
  readonly rule: string;
  readonly at: number;
  readonly currentReplicas: number;
  readonly inputs: readonly InputTrace[];
  readonly steps: readonly StepTrace[];
  readonly walk?: WalkTrace | undefined;
  readonly sizing?: SizingTrace | undefined;
  readonly objective?: ObjectiveTrace | undefined;
  /** Why this round must not scale down, one clause each; empty when it may. */
  readonly noScaleDown: readonly string[];
  readonly stages: StagesTrace;
  readonly bindingConstraint: BindingConstraint;
  /** What would have to change for another decision. */
  readonly wouldChange: string;
}

export interface InputTrace {
  readonly signal: string;
  /** Undefined when absent. */
  readonly value?: number;
  readonly ageSeconds?: number;
  readonly absent?: Absent['absent'];
  readonly text?: string;
}

export interface ConditionTrace extends Condition {
  readonly signal: string;
  readonly value?: number;
  /** Undefined when the value is absent. */
  readonly holds?: boolean;
}

export interface StepTrace {
  readonly class: string;
  readonly action: StepAction;
  /** `pending`: holds, but not yet `for` its time. `keeping`: held until less than `keepFor` ago. */
  readonly outcome: 'matched' | 'keeping' | 'pending' | 'no' | 'unknown';
  readonly evidence: readonly ConditionTrace[];
  /** How long the conditions have held. */
  readonly heldSeconds?: number;
}

export interface WalkTrace {
  /** From the waiter to the culprit, or to where the trail ends. */
  readonly path: readonly string[];
  readonly bottleneck?: Candidate;
  /** The part of the waiter's waiting that leads to the culprit, 0..1. */
  readonly confidence: number;
  /** Whether the peers work as they should, and their work accounts for the waiting: nothing is a bottleneck. */
  readonly explained: boolean;
  readonly rejected: readonly Candidate[];
}

export interface Walk extends WalkTrace {
  /** Workloads that carry at least a tenth of the waiting, at any depth, or do not answer: those it waits on. */
  readonly waitedOn: readonly WorkloadKey[];
}

export interface Candidate {
  /** A workload key, or `ip:port` of a peer that is no workload. */
  readonly peer: string;
  readonly path: readonly string[];
  /** The part of the waiter's waiting that leads here, 0..1. */
  readonly share: number;
  /** Its class; `external`, `unresolved` and `unmanaged` for peers that no rule scales. */
  readonly class: string;
  /** A clause that says why it is or is not the culprit. */
  readonly why: string;
}

export interface SizingTrace {
  readonly signal: string;
  /** Of all pods that count, in the signal's unit (cores for `cpu`). */
  readonly demand: number;
  /** What one pod should carry, in the same unit. */
  readonly targetPerPod?: number;
  /** What all together should come to, with a target of `value`. */
  readonly targetValue?: number;
  /** Demand over target, with what was filled in for pods that are not measured. */
  readonly ratio: number;
  /** What demand alone calls for, after the tolerance, whatever holds the workload. */
  readonly replicas: number;
  /** How many pods are measured and count, among them such as are unready for want of CPU, and how many do not. */
  readonly pods?: Readonly<Record<'counted' | 'unready' | 'missing' | 'starved', number>>;
  /** Set when pods that are not measured might turn the direction around, so that nothing is done. */
  readonly kept?: 'unmeasuredPods';
}

export interface ObjectiveTrace extends Objective {
  /** Seconds; undefined when not known. */
  readonly measured?: number;
  readonly kept?: boolean;
  readonly absent?: Absent['absent'];
  readonly text?: string;
}

/** Replicas after each stage. */
export interface StagesTrace {
  readonly raw: number;
  readonly tolerance: number;
  /** After cutting to the current replicas while the latency objective is kept. */
  readonly objective: number;
  /** After raising to the current replicas where this round must not scale down. */
  readonly floor: number;
  readonly stabilised: number;
  readonly rateLimited: number;
  readonly clamped: number;
}

/** The constraint that decided the outcome. */
export type BindingConstraint =
  | 'none'
  | 'scalingDisabled'
  | 'noData'
  | 'hold'
  | 'dependency'
  | 'noScaleDown'
  | 'tolerance'
  | 'unmeasuredPods'
  | 'objective'
  | 'stabilization'
  | 'scaleUpLimit'
  | 'scaleDownLimit'
  | 'minReplicas'
  | 'maxReplicas';

import type { DemandTrace } from './demand/demand-trace.js';
import type { Absence } from './fallback.js';
import type { History } from './round.js';
import type { ScheduleInForce } from './schedule.js';
import type { Absent, Condition, Objective, Restrictions, StepAction, WorkloadKey } from './types.js';

export type { DemandTrace };

/** Outcome of a round for one workload. */
export interface Decision {
  readonly replicas: number;
  /** `bound` of the step that matched; `none` without a match, `unknown` where the data to tell is absent. */
  readonly class: string;
  /** Action that the class calls for; replicas change where `replicas` differs from `trace.currentReplicas`. */
  readonly action: StepAction;
  readonly trace: Omit<Trace, 'wouldChange'>;
  /** Next history once `replicas` is applied (or equals the current replicas). */
  readonly history: History;
  /** Next history when it is not applied: shadow, failed write, lost leadership. */
  readonly historyIfNotApplied: History;
}

/** A decision before it is put into words. */
export type Unexplained = Omit<Trace, 'wouldChange'> & Pick<Decision, 'class' | 'action'>;

/** A decision with its sentences. */
export interface ExplainedDecision extends Decision {
  /** One or two plain sentences. */
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
  /** Every target of a rule with several, in its order; `sizing` is that of the one that decides. */
  readonly targets?: readonly TargetTrace[];
  /** Undefined where the workload is sized by a signal other than the CPU. */
  readonly demand?: DemandTrace | undefined;
  /** Undefined where no requests are measured. */
  readonly harm?: HarmTrace | undefined;
  readonly objective?: ObjectiveTrace | undefined;
  /** Replicas whose pods do not run, and count as idle; undefined without any. */
  readonly idlePods?: number;
  /** Undefined while all pods are seen into. */
  readonly opaque?: OpaqueTrace;
  /** Reasons why this round must not scale down, one clause each; empty when it may. */
  readonly noScaleDown: readonly string[];
  /** Since when there is no data to size by, where the rule has a fallback. */
  readonly absence?: Absence;
  /** Undefined for a rule without `idle`. */
  readonly sleep?: SleepTrace;
  /** Schedules in force. */
  readonly schedules?: readonly ScheduleInForce[];
  /** What the annotations of the workload ask for. */
  readonly restrictions?: Restrictions;
  /** Whom the rule leaves the replicas to. A shadow is decided all the same. */
  readonly yields?: Yield;
  readonly stages: StagesTrace;
  readonly bindingConstraint: BindingConstraint;
  /** A sentence that names the change that would lead to another decision. */
  readonly wouldChange: string;
}

/** Whether a workload has nothing to do. */
export interface SleepTrace {
  /** Its value, or why there is none. */
  readonly activation?: { readonly value?: number; readonly text?: string };
  /** The limit over which it wakes the workload. */
  readonly above?: number;
  /** Time since when there has been neither activation nor demand; undefined while there is. */
  readonly quietSince?: number;
  /** Time since when the activation of a sleeping workload cannot be read. */
  readonly unreadSince?: number;
  /** What wakes it in this round. */
  readonly wakes?: 'activation' | 'unread' | 'bound' | 'demand' | 'noIdle' | undefined;
}

/** Pods whose threads cannot be seen. */
export interface OpaqueTrace {
  readonly pods: number;
  /** Number of pods that are measured at all. */
  readonly of: number;
  /** Clauses that name nodes and reasons. */
  readonly why: string;
}

/** The replicas are another's for now. */
export interface Yield {
  readonly to: 'otherAutoscaler' | 'paused' | 'otherWriter';
  /** Names of the autoscalers; reason of the pause; field manager of the writer. */
  readonly by: string;
  /** Replicas before the writer's change. */
  readonly from?: number;
  /** Seconds since the epoch; undefined without a known end. */
  readonly until?: number;
}

export interface InputTrace {
  /** Name for people: that of the signal, with ` by pod` appended where it was queried by pod. */
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
  /** `pending`: holds, but not yet for `for`. `keeping`: ended less than `keepFor` ago. */
  readonly outcome: 'matched' | 'keeping' | 'pending' | 'no' | 'unknown';
  readonly evidence: readonly ConditionTrace[];
  /** Time for which the conditions have held. */
  readonly heldSeconds?: number;
}

export interface WalkTrace {
  /** From the waiter to the bottleneck, or to the end of the trail. */
  readonly path: readonly string[];
  readonly bottleneck?: Candidate;
  /** Share of the waiter's waiting that leads to the bottleneck, 0..1. */
  readonly confidence: number;
  /** True if the peers work as they should and their work accounts for the waiting: there is no bottleneck. */
  readonly explained: boolean;
  readonly rejected: readonly Candidate[];
}

export interface Candidate {
  /** A workload key, or `ip:port` of a peer that is no workload. */
  readonly peer: string;
  readonly path: readonly string[];
  /** Share of the waiter's waiting that leads here, 0..1. */
  readonly share: number;
  /** Its class; `external`, `unresolved` and `unmanaged` for peers that no rule scales. */
  readonly class: string;
  /** A predicate, whose subject is the peer: why it is or is not the bottleneck. */
  readonly why: string;
}

export interface SizingTrace {
  readonly signal: string;
  /** Sum over the pods that count, in the signal's unit (cores for `cpu`). */
  readonly demand: number;
  /** Load that one pod should carry, in the same unit. */
  readonly targetPerPod?: number;
  /** Value that the signal should reach, with a target of `value`. */
  readonly targetValue?: number;
  /** Demand over target, including what is filled in for pods without a sample. */
  readonly ratio: number;
  /** Replicas that demand alone calls for, after the tolerance, whatever holds the workload. */
  readonly replicas: number;
  /** Number of pods that count, of those among them that are unready because starved, and of those that do not. */
  readonly pods?: Readonly<Record<'counted' | 'unready' | 'missing' | 'starved', number>>;
  /** Pods without a usable sample, and the load that they are assumed to carry together; part of `ratio`. */
  readonly assumed?: { readonly pods: number; readonly amount: number };
  /** Set when pods without a sample could reverse the direction, so that replicas stay. */
  readonly kept?: 'unmeasuredPods';
}

/** What one of several targets calls for, or why that is not known. */
export interface TargetTrace extends Partial<
  Pick<SizingTrace, 'demand' | 'targetPerPod' | 'targetValue' | 'ratio' | 'replicas'>
> {
  readonly signal: string;
  /** Set for the one that calls for the most replicas. */
  readonly decides?: boolean;
  readonly absent?: Absent['absent'];
  readonly text?: string;
}

export type SignKind =
  | 'objective'
  | 'latency'
  | 'pilesUp'
  | 'backlog'
  | 'silent'
  | 'abandoned'
  | 'peerFails'
  | 'peerAbandoned'
  | 'collapse';

/** A sign of harm: `value` is over `limit`. */
export interface Sign {
  readonly kind: SignKind;
  /** Seconds for latency and backlog, requests for `pilesUp`, shares of requests for the others. */
  readonly value: number;
  readonly limit: number;
  /** The usual value, where one is known. */
  readonly usual?: number | undefined;
  readonly peer?: string | undefined;
}

/** A part of a request's time: `cpu`, `disk`, `lock`, `other`, `queue` (waiting for a thread), or a peer. */
export interface Part {
  readonly name: string;
  readonly isPeer: boolean;
  /** Seconds per request. */
  readonly now: number;
  readonly usual?: number | undefined;
}

export interface HarmTrace {
  /** Signs for as many rounds as the rule asks. */
  readonly harmed: boolean;
  readonly signs: readonly Sign[];
  /** Time since when, seconds since the epoch; undefined when not harmed. */
  readonly since?: number | undefined;
  /** The cause: name of a part. Undefined without a sign. */
  readonly cause?: string | undefined;
  /** Mean time of a request by part, largest excess first; `latency` is their sum. */
  readonly parts: readonly Part[];
  readonly latency?: { readonly now: number; readonly usual?: number | undefined } | undefined;
  /** Slower because it is used more, as intended: no harm. */
  readonly intended?: boolean | undefined;
  /** Answers per second before the last bounded step and now; `grew` is undefined while the step is watched. */
  readonly watch?:
    { readonly before: number; readonly now: number; readonly grew?: boolean | undefined } | undefined;
  /** Why this round's replicas must not go down although nothing hurts here, clauses. */
  readonly protectedBy: readonly string[];
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
  /** After raising to the current replicas where this round must not scale down. */
  readonly floor: number;
  readonly stabilized: number;
  readonly rateLimited: number;
  readonly clamped: number;
}

/** The stage that set the final number. */
export type BindingConstraint =
  | 'none'
  | 'scalingDisabled'
  | Yield['to']
  | 'noData'
  | 'fallback'
  | 'idle'
  | 'activation'
  | 'hold'
  | 'dependency'
  | 'noScaleDown'
  | 'tolerance'
  | 'unmeasuredPods'
  | 'stabilization'
  | 'scaleUpLimit'
  | 'scaleDownLimit'
  | 'minReplicas'
  | 'maxReplicas';

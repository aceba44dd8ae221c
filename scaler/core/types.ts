/**
 * The words of the decision core. Everything here is plain data: durations and times are seconds (times since
 * the Unix epoch), CPU is in cores, shares are fractions of busy thread time (0..1).
 */

/** `namespace/kind/name`; what signals, edges and the neighbourhood are keyed by. */
export type WorkloadKey = string;

export interface WorkloadId {
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
}

export function workloadKey({ namespace, kind, name }: WorkloadId): WorkloadKey {
  return `${namespace}/${kind}/${name}`;
}

// ---- Rule ----------------------------------------------------------------------------------------------

export interface ScaleTargetRef extends WorkloadId {
  readonly apiVersion: string;
}

/** What one pod should carry: percent of its CPU request (HPA's meaning), or an amount in the signal's unit. */
export type Target =
  | { readonly signal: string; readonly averageUtilization: number }
  | { readonly signal: string; readonly averageValue: number };

/** Holds when the value is strictly above `above` and strictly below `below`; at least one is given. */
export interface Condition {
  readonly above?: number;
  readonly below?: number;
}

export type StepAction = 'scale' | 'hold' | 'follow';

export interface DecideStep {
  /** The class a match gives the workload: `disk`, `cpu`, `dependency`, `lock` or a name of the user's. */
  readonly bound: string;
  /** Signal name → condition; `target` stands for the ratio of demand to target. All must hold. */
  readonly when: Readonly<Record<string, Condition>>;
  /** Seconds for which the conditions must have held without a break before the step matches. */
  readonly for: number;
  /** Seconds for which the step goes on matching after its conditions ceased. */
  readonly keepFor: number;
  readonly action: StepAction;
  /** How many edges a `follow` goes along at most. */
  readonly maxHops: number;
}

/** HPA v2's HPAScalingPolicy. */
export interface ScalingPolicy {
  readonly type: 'Pods' | 'Percent';
  readonly value: number;
  readonly periodSeconds: number;
}

/** HPA v2's HPAScalingRules with its defaults filled in. */
export interface ScalingRules {
  readonly stabilizationWindowSeconds: number;
  readonly selectPolicy: 'Max' | 'Min' | 'Disabled';
  readonly policies: readonly ScalingPolicy[];
  /** The ratio may leave 1 by this fraction before anything is done; the ends belong to the tolerance. */
  readonly tolerance: number;
}

export interface Behavior {
  readonly scaleUp: ScalingRules;
  readonly scaleDown: ScalingRules;
}

/** All of a rule but the workload it is for. */
export interface RuleSettings {
  /** The rule's name. */
  readonly scale: string;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly target: Target;
  readonly decide: readonly DecideStep[];
  /** `null`: scale like an HPA that has no `behavior` (its older algorithm). */
  readonly behavior: Behavior | null;
  /** Signal name → seconds after which its newest sample is too old to act on. */
  readonly maxAge: Readonly<Record<string, number>>;
  readonly dryRun: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** A rule for one workload, every default filled in. */
export interface Rule extends RuleSettings {
  readonly scaleTargetRef: ScaleTargetRef;
}

// ---- Samples -------------------------------------------------------------------------------------------

export interface Measured {
  readonly value: number;
  /** When Prometheus took the sample. */
  readonly timestamp: number;
}

/**
 * Why there is no value: no such series; the newest sample is too old; the answer came with warnings or
 * covers only a part; NaN, infinite or negative; the query failed. Never read as zero.
 */
export interface Absent {
  readonly absent: 'missing' | 'stale' | 'partial' | 'nan' | 'error';
  /** A clause for people: "no series for shop/Deployment/cart", "Prometheus answered 503". */
  readonly text: string;
}

export type Reading = Measured | Absent;

export type Peer =
  | { readonly type: 'workload'; readonly workload: WorkloadKey }
  /** An address outside the cluster. */
  | { readonly type: 'external' }
  /** An address in the cluster that belongs to no one workload; `text` says why. */
  | { readonly type: 'unresolved'; readonly text: string };

export interface Edge {
  /** `ip:port` as the waiting process sees it. */
  readonly peer: string;
  readonly to: Peer;
  /** Seconds per second that the workload's threads wait on this peer. */
  readonly wait: Reading;
}

export interface WorkloadSamples {
  /** `spec.replicas` of the scale subresource. */
  readonly replicas: number;
  /**
   * Signal name → reading. `cpu` is the demand of the whole workload in cores; `request` the CPU request of
   * one pod in cores; `pods` how many pods `cpu` was measured on. A signal that is not here is missing.
   */
  readonly signals: Readonly<Record<string, Reading>>;
  /** Empty: it waits on nobody. Absent: nothing is known about whom it waits on. */
  readonly edges: readonly Edge[] | Absent;
}

/** A workload as the dependency walk sees it. */
export interface Neighbour {
  /** Undefined when no rule scales it. */
  readonly rule?: Rule;
  readonly samples: WorkloadSamples;
  /** Its history before this round, so that its own `for` and `keepFor` count. */
  readonly history: History;
}

export type Neighbourhood = ReadonlyMap<WorkloadKey, Neighbour>;

export interface Samples extends WorkloadSamples {
  /** Every workload of this round, this one included or not. */
  readonly neighbourhood: Neighbourhood;
  /** Workloads that are bound by a dependency this round and wait on this one; see `findWaiters`. */
  readonly waitedOnBy: readonly WorkloadKey[];
}

// ---- History -------------------------------------------------------------------------------------------

export interface Recommendation {
  readonly replicas: number;
  readonly at: number;
  /** Not measured but assumed after a gap in the data: it holds back scaling down, never up. */
  readonly assumed?: true;
}

export interface ScaleEvent {
  /** Replicas added or removed, always positive. */
  readonly change: number;
  readonly at: number;
  /** Free to be overwritten, though it still counts while a policy's period reaches back to it (as in HPA). */
  readonly outdated: boolean;
}

export interface StepState {
  /** When the conditions began to hold, if they did when last known. */
  readonly since?: number;
  /** When the step last matched by its conditions. */
  readonly lastMatch?: number;
}

/** What a rule remembers between rounds; plain JSON, so that it outlives a restart. */
export interface History {
  readonly recommendations: readonly Recommendation[];
  readonly scaleUps: readonly ScaleEvent[];
  readonly scaleDowns: readonly ScaleEvent[];
  /** Keyed by `index:bound` of the decide step. */
  readonly steps: Readonly<Record<string, StepState>>;
  /** Whether the last round lacked data that scaling down needs. */
  readonly dataGap: boolean;
}

export const EMPTY_HISTORY: History = {
  recommendations: [],
  scaleUps: [],
  scaleDowns: [],
  steps: {},
  dataGap: false,
};

// ---- Decision ------------------------------------------------------------------------------------------

export interface Decision {
  readonly replicas: number;
  /** The class: `bound` of the step that matched, `none` when none did, `unknown` when data to tell is absent. */
  readonly bound: string;
  /** What the class calls for. Whether replicas change is `replicas` against `trace.currentReplicas`. */
  readonly action: StepAction;
  /** One plain sentence. */
  readonly reason: string;
  readonly trace: Trace;
  /** The next history once `replicas` is applied (or equals the current replicas). */
  readonly history: History;
  /** The next history when it is not applied: dry run, failed write, lost leadership. */
  readonly historyIfNotApplied: History;
}

export interface Trace {
  readonly workload: WorkloadKey;
  readonly rule: string;
  readonly at: number;
  readonly currentReplicas: number;
  readonly inputs: readonly InputTrace[];
  readonly steps: readonly StepTrace[];
  readonly walk?: WalkTrace;
  readonly sizing?: SizingTrace;
  /** Why this round must not scale down, one clause each; empty when it may. */
  readonly noScaleDown: readonly string[];
  readonly stages: StagesTrace;
  readonly binding: Binding;
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
  readonly bound: string;
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
  readonly culprit?: Candidate;
  /** The part of the waiter's waiting that leads to the culprit, 0..1. */
  readonly confidence: number;
  readonly rejected: readonly Candidate[];
}

export interface Candidate {
  /** A workload key, or `ip:port` of a peer that is no workload. */
  readonly peer: string;
  readonly path: readonly string[];
  /** The part of the waiter's waiting that leads here, 0..1. */
  readonly share: number;
  /** Its class; `external`, `unresolved` and `unmanaged` for peers that no rule scales. */
  readonly bound: string;
  /** A clause that says why it is or is not the culprit. */
  readonly why: string;
}

export interface SizingTrace {
  readonly signal: string;
  /** Of the whole workload, in the signal's unit (cores for `cpu`). */
  readonly demand: number;
  /** What one pod should carry, in the same unit. */
  readonly targetPerPod: number;
  /** Demand over what the current replicas should carry. */
  readonly ratio: number;
}

/** Replicas after each stage. */
export interface StagesTrace {
  readonly raw: number;
  readonly tolerance: number;
  /** After raising to the current replicas where this round must not scale down. */
  readonly floor: number;
  readonly stabilised: number;
  readonly rateLimited: number;
  readonly clamped: number;
}

/** The constraint that decided the outcome. */
export type Binding =
  | 'none'
  | 'scalingDisabled'
  | 'noData'
  | 'hold'
  | 'dependency'
  | 'noScaleDown'
  | 'tolerance'
  | 'stabilization'
  | 'scaleUpLimit'
  | 'scaleDownLimit'
  | 'minReplicas'
  | 'maxReplicas';

import type { Schedule, ScheduleInForce } from './schedule.js';

/**
 * Data that a round decides from. Everything here is plain data: durations and times are in seconds (times since the
 * Unix epoch), CPU is in cores, shares are fractions of busy thread time (0..1).
 */

/** `namespace/kind/name`: the key of a workload in signals, edges and rounds. */
export type WorkloadKey = string;

export interface WorkloadId {
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
}

export interface ScaleTargetRef extends WorkloadId {
  readonly apiVersion: string;
}

export function workloadKey({ namespace, kind, name }: WorkloadId): WorkloadKey {
  return `${namespace}/${kind}/${name}`;
}

const KEY = /^([^/]+)\/([^/]+)\/([^/]+)$/;

/** The reverse of {@link workloadKey}; undefined for a text that is no key. */
export function parseKey(key: WorkloadKey): WorkloadId | undefined {
  const [, namespace, kind, name] = KEY.exec(key) ?? [];
  return namespace && kind && name ? { namespace, kind, name } : undefined;
}

/** What a target on a signal is about. */
interface Subject {
  readonly signal: string;
  /** `memory` for a target whose percentages are of the memory request; undefined: of the CPU request. */
  readonly resource?: 'memory';
  /** The only container that counts, with its own request; undefined: the whole pod. */
  readonly container?: string;
}

/** Load that one pod should carry: percent of its request (as in HPA), or an amount in the signal's unit. */
export type PerPodTarget =
  (Subject & { readonly averageUtilization: number }) | (Subject & { readonly averageValue: number });

/** `value`: the signal itself should reach this, for signals that more pods bring down (a latency, a queue's age). */
export type Target = PerPodTarget | (Subject & { readonly value: number });

/** A latency that is good enough: while it is missed, the workload is harmed. */
export interface Objective {
  /** Seconds. */
  readonly latency: number;
  /** Share of the requests that must keep it, 0..1. */
  readonly quantile: number;
  /** The signal that measures it, in seconds. */
  readonly signal: string;
}

/** Holds when the value is strictly above `above` and strictly below `below`; at least one is given. */
export interface Condition {
  readonly above?: number;
  readonly below?: number;
}

/** Name of the ratio of demand to target in the conditions of decide steps. */
export const TARGET = 'target';

/** `step`: grow once, by a bounded amount, then watch whether more is answered. */
export type StepAction = 'scale' | 'hold' | 'follow' | 'step';

/** What counts as harm, and for how many rounds it must show. */
export interface HarmThresholds {
  /** A response takes more than this many times as long as usual … */
  readonly latency: number;
  /** … and more than this much longer, seconds. */
  readonly atLeast: number;
  /** The requests that wait would take longer than this to answer, seconds. */
  readonly backlog: number;
  /** Clients give up more than this share of the requests, 0..1. */
  readonly abandoned: number;
  /** Rounds in a row with a sign that make harm; two without one end it. */
  readonly rounds: number;
}

export interface DecideStep {
  /** The class that a match gives the workload: `disk`, `cpu`, `dependency`, `lock` or a user-defined name. */
  readonly bound: string;
  /**
   * Signal name → condition; `target` stands for the ratio of demand to target. All must hold, harmed or not. Undefined:
   * the step matches while the workload is harmed, and `bound` is the cause.
   */
  readonly when?: Readonly<Record<string, Condition>> | undefined;
  /** Seconds for which the conditions must hold without a break before the step matches. */
  readonly for: number;
  /** Seconds for which the step keeps matching after its conditions have ended. */
  readonly keepFor: number;
  readonly action: StepAction;
  /** Maximum number of edges that a `follow` walks. */
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
  /** The ratio may leave 1 by this fraction, inclusive, before replicas change. */
  readonly tolerance: number;
}

export interface Behavior {
  readonly scaleUp: ScalingRules;
  readonly scaleDown: ScalingRules;
}

/** A floor for a workload that cannot be sized. */
export interface Fallback {
  /** Seconds without data to size it by. */
  readonly after: number;
  readonly replicas: number;
}

/** When a workload that has nothing to do sleeps, and what wakes it. */
export interface Idle {
  /** Seconds without activation and without demand. */
  readonly after: number;
  /** Replicas to sleep with. */
  readonly replicas: number;
  /** It is active while the signal is above this. */
  readonly activation: { readonly signal: string; readonly above: number };
}

/** All of a rule but its workload. */
export interface RuleSettings {
  /** The rule's name. */
  readonly scale: string;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  /** The only target, or the first of `targets`. */
  readonly target: Target;
  /** Several targets, the largest of which decides; undefined for one. */
  readonly targets?: readonly Target[];
  readonly objective?: Objective;
  readonly harm: HarmThresholds;
  readonly decide: readonly DecideStep[];
  /** `null`: scale like an HPA without `behavior` (its older algorithm). */
  readonly behavior: Behavior | null;
  /** While another target than the CPU demand decides, where that differs. */
  readonly behaviorOfOthers?: Behavior | null;
  /** Signal name → seconds after which its newest sample is too old to act on. */
  readonly maxAge: Readonly<Record<string, number>>;
  /** Signal name → the longest range that its expression looks back over, seconds; 0 or absent without a range. */
  readonly windows: Readonly<Record<string, number>>;
  readonly schedules?: readonly Schedule[];
  readonly fallback?: Fallback;
  readonly idle?: Idle;
  readonly dryRun: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** What the annotations of a workload restrict its rule by. */
export interface Restrictions {
  /** `reason` is empty where none is given; without `until` (seconds since the epoch) it has no end. */
  readonly pause?: { readonly reason: string; readonly until?: number } | undefined;
  /** In place of the rule's. */
  readonly minReplicas?: number;
  readonly maxReplicas?: number;
  /** A clause for each annotation that cannot be followed. */
  readonly faults: readonly string[];
}

/** A rule for one workload, every default filled in; its bounds are those in force. */
export interface Rule extends RuleSettings {
  readonly scaleTargetRef: ScaleTargetRef;
  readonly restrictions?: Restrictions;
  /** Schedules whose bounds it has now. */
  readonly inForce?: readonly ScheduleInForce[];
}

/** The parts of a Pod object that sizing needs. */
export interface Pod {
  readonly name: string;
  /** Undefined before it is scheduled. */
  readonly node?: string;
  readonly phase: string;
  /** Status of the Ready condition: `True`, `False` or `Unknown`; undefined without the condition. */
  readonly ready?: string;
  /** Last transition of the Ready condition. */
  readonly readySince?: number;
  /** `status.startTime`. */
  readonly startedAt?: number;
  readonly createdAt?: number;
  /** Last end of a container that was, or will be, started again. */
  readonly crashedAt?: number;
  /** Identity of the pod template that it runs; undefined for a pod of no controller. */
  readonly template?: string;
  /** True once a deletion timestamp is set. */
  readonly deleted: boolean;
  /** CPU request at pod level, which takes precedence over the containers' requests. */
  readonly request?: number;
  /** True if a CPU request of it is no quantity: how much it requests is not known. */
  readonly requestUnreadable?: true;
  /** Memory request at pod level, bytes. */
  readonly memory?: number;
  /** Containers that run beside each other: sidecars included, other init containers not. */
  readonly containers: readonly PodContainer[];
}

export interface PodContainer {
  readonly name: string;
  /** CPU request in cores; undefined without one. */
  readonly request?: number;
  /** Memory request in bytes; undefined without one, or where it is no quantity. */
  readonly memory?: number;
}

export interface Measured {
  readonly value: number;
  /** Time of the sample in Prometheus. */
  readonly timestamp: number;
  /** Where it is the sum over pods: why it lacks the values of some, a clause. Only sizing by pod allows for that. */
  readonly lacking?: string;
}

/**
 * Reason for a missing value: no such series; the newest sample is too old; the response carries warnings or is
 * incomplete; NaN, infinite or negative; the query failed. Never read as zero.
 */
export interface Absent {
  readonly absent: 'missing' | 'stale' | 'partial' | 'nan' | 'error';
  /** A clause for messages: "no series for shop/Deployment/cart", "Prometheus returned HTTP 503". */
  readonly text: string;
}

export type Reading = Measured | Absent;

export type Peer =
  | { readonly type: 'workload'; readonly workload: WorkloadKey }
  /** An address outside the cluster. */
  | { readonly type: 'external' }
  /** An address in the cluster that does not belong to exactly one workload; `text` says why. */
  | { readonly type: 'unresolved'; readonly text: string };

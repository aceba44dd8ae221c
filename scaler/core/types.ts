import type { SizingMemory } from './demand/memory.js';
import type { Usual } from './harm/usual.js';
import type { Watch } from './harm/watch.js';
import type { Windows } from './measures.js';

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

/** Load that one pod should carry: percent of its CPU request (as in HPA), or an amount in the signal's unit. */
export type PerPodTarget =
  | { readonly signal: string; readonly averageUtilization: number }
  | { readonly signal: string; readonly averageValue: number };

/** `value`: the signal itself should reach this, for signals that more pods bring down (a latency, a queue's age). */
export type Target = PerPodTarget | { readonly signal: string; readonly value: number };

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
  /** Rounds in a row with a sign that make harm, and without one that end it. */
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

/** All of a rule but its workload. */
export interface RuleSettings {
  /** The rule's name. */
  readonly scale: string;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly target: Target;
  readonly objective?: Objective;
  readonly harm: HarmThresholds;
  readonly decide: readonly DecideStep[];
  /** `null`: scale like an HPA without `behavior` (its older algorithm). */
  readonly behavior: Behavior | null;
  /** Signal name → seconds after which its newest sample is too old to act on. */
  readonly maxAge: Readonly<Record<string, number>>;
  /** Signal name → the longest range that its expression looks back over, seconds; 0 or absent without a range. */
  readonly windows: Readonly<Record<string, number>>;
  readonly dryRun: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** A rule for one workload, every default filled in. */
export interface Rule extends RuleSettings {
  readonly scaleTargetRef: ScaleTargetRef;
}

/** The parts of a Pod object that sizing needs. */
export interface Pod {
  readonly name: string;
  readonly phase: string;
  /** Status of the Ready condition: `True`, `False` or `Unknown`; undefined without the condition. */
  readonly ready?: string;
  /** Last transition of the Ready condition. */
  readonly readySince?: number;
  /** `status.startTime`. */
  readonly startedAt?: number;
  /** Identity of the pod template that it runs; undefined for a pod of no controller. */
  readonly template?: string;
  /** True once a deletion timestamp is set. */
  readonly deleted: boolean;
  /** CPU request at pod level, which takes precedence over the containers' requests. */
  readonly request?: number;
  /** Containers that run beside each other: sidecars included, other init containers not. */
  readonly containers: readonly PodContainer[];
}

export interface PodContainer {
  readonly name: string;
  /** CPU request in cores; undefined without one. */
  readonly request?: number;
}

export interface Measured {
  readonly value: number;
  /** Time of the sample in Prometheus. */
  readonly timestamp: number;
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

export interface Edge {
  /** `ip:port` as the waiting process sees it. */
  readonly peer: string;
  readonly to: Peer;
  /** Seconds per second that the workload's threads wait on this peer. */
  readonly wait: Reading;
}

/** Values of one signal by pod name. Absent: queried by pod, without a result. */
export type PodReadings = ReadonlyMap<string, number> | Absent;

/** Measurements of one workload in one round. */
export interface Samples {
  /** `spec.replicas` of the scale subresource. */
  readonly replicas: number;
  /**
   * Signal name → reading. `cpu` is the demand of the whole workload in cores; `request` the CPU request of
   * one pod in cores; `pods` the number of pods that `cpu` is measured on. A signal that is not here is missing.
   */
  readonly signals: Readonly<Record<string, Reading>>;
  /** Signal name → values by pod, for signals that are measured by pod; their sums are in `signals`. */
  readonly podSignals?: Readonly<Record<string, PodReadings>> | undefined;
  /** The workload's pods in the Kubernetes API; undefined while they are not known. */
  readonly pods?: readonly Pod[] | undefined;
  /** Empty: the workload waits on no peer. Absent: its peers are not known. */
  readonly edges: readonly Edge[] | Absent;
  /** Undefined where the exporter counts no requests. */
  readonly windows?: Windows | undefined;
  /**
   * Identity of the pod template that every pod runs; undefined during a roll-out, while pods of several templates
   * run, and where it is not known.
   */
  readonly template?: string | undefined;
}

export interface Recommendation {
  readonly replicas: number;
  readonly at: number;
  /** Assumed after a gap in the data, not measured: it delays scaling down, never up. */
  readonly assumed?: true;
}

export interface ScaleEvent {
  /** Replicas added or removed, always positive. */
  readonly change: number;
  readonly at: number;
  /** May be overwritten, though it still counts while a policy's period reaches back to it (as in HPA). */
  readonly outdated: boolean;
}

export interface StepState {
  /** Time at which the conditions began to hold, if they held when last known. */
  readonly since?: number;
  /** Time at which the step last matched by its conditions. */
  readonly lastMatch?: number;
}

/** State of a rule between rounds; plain JSON, so that it survives a restart. */
export interface History {
  readonly recommendations: readonly Recommendation[];
  readonly scaleUps: readonly ScaleEvent[];
  readonly scaleDowns: readonly ScaleEvent[];
  /** Keyed by `index:bound` of the decide step. */
  readonly steps: Readonly<Record<string, StepState>>;
  /** True if the last round lacked data that scaling down needs. */
  readonly dataGap: boolean;
  /** What is usual for its requests, once some are measured. */
  readonly usual?: Usual;
  readonly watch?: Watch;
  readonly memory?: SizingMemory;
}

export const EMPTY_HISTORY: History = {
  recommendations: [],
  scaleUps: [],
  scaleDowns: [],
  steps: {},
  dataGap: false,
};

/** One workload of a round. */
export interface WorkloadInput {
  /** Undefined for a workload that no rule scales. */
  readonly rule?: Rule | undefined;
  readonly samples: Samples;
  /** State before this round. */
  readonly history: History;
}

/** Everything that a round decides from. */
export interface RoundInput {
  /** Every workload that is measured or scaled: dependencies lead across groups. */
  readonly workloads: ReadonlyMap<WorkloadKey, WorkloadInput>;
  /** Workloads to decide on; each has a rule. */
  readonly targets: Iterable<WorkloadKey>;
}

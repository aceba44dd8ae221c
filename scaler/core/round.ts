import type { SizingMemory } from './demand/memory.js';
import type { Absence } from './fallback.js';
import type { Usual } from './harm/usual.js';
import type { Watch } from './harm/watch.js';
import type { Windows } from './measures.js';
import type { ReplicasLeft, Writer } from './other-writers.js';
import type { Absent, Peer, Pod, Reading, Rule, WorkloadKey } from './types.js';

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
  /** Autoscalers of others that scale the workload, as people name them. */
  readonly autoscalers?: readonly string[];
  /** Who last wrote the replicas; undefined where it is not known. */
  readonly writer?: Writer;
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

/** What the next round needs to know of a rule with `idle`. */
export interface Sleep {
  /** First and last round of those, without a gap, that saw neither activation nor demand. */
  readonly quiet?: { readonly since: number; readonly at: number };
  /** The rule has set the replicas of `idle`. */
  readonly asleep?: true;
  /** First round since when the activation of a sleeping workload cannot be read. */
  readonly unreadSince?: number;
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
  /** Time since which its controller has created fewer pods than replicas. */
  readonly fewerPodsSince?: number;
  /** Time since which some of the pods that may carry load have had no data. */
  readonly unseenSince?: number;
  readonly replicasLeft?: ReplicasLeft;
  readonly absence?: Absence;
  readonly sleep?: Sleep;
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

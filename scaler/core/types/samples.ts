import type { Assessment } from '../assess.js';
import type { Walk } from './decision.js';
import type { History } from './history.js';
import type { Pod } from './pod.js';
import type { Rule } from './rule.js';
import type { WorkloadKey } from './workload.js';

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
  /**
   * Signal name → pod → value, for signals that are measured by pod; their sum is in `signals`. Absent: asked for by
   * pod, and not answered.
   */
  readonly podSignals?: Readonly<Record<string, ReadonlyMap<string, number> | Absent>> | undefined;
  /** The pods as the API server knows them. Absent: not known. */
  readonly pods?: readonly Pod[] | undefined;
  /** Empty: it waits on nobody. Absent: nothing is known about whom it waits on. */
  readonly edges: readonly Edge[] | Absent;
}

/** A workload as the dependency walk sees it. */
export interface Neighbour {
  /** Undefined when no rule scales it. */
  readonly rule?: Rule | undefined;
  readonly samples: WorkloadSamples;
  /** Its history before this round, so that its own `for` and `keepFor` count. */
  readonly history: History;
}

export type Neighbourhood = ReadonlyMap<WorkloadKey, Neighbour>;

export interface Samples extends WorkloadSamples {
  /** Every workload of this round, this one included or not. */
  readonly neighbourhood: Neighbourhood;
  /** What its own signals say, where that has been worked out already. */
  readonly assessment?: Assessment | undefined;
  /** The walk along its dependencies, where it has been walked already. */
  readonly walk?: Walk | undefined;
  /** Workloads that are bound by a dependency this round and wait on this one; see `surveyWaiters`. */
  readonly waitedOnBy: readonly WorkloadKey[];
}

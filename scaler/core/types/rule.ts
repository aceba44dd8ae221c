import type { WorkloadId } from './workload.js';

export interface ScaleTargetRef extends WorkloadId {
  readonly apiVersion: string;
}

/** What one pod should carry: percent of its CPU request (HPA's meaning), or an amount in the signal's unit. */
export type PerPodTarget =
  | { readonly signal: string; readonly averageUtilization: number }
  | { readonly signal: string; readonly averageValue: number };

/** Or what the signal itself should come to, where more pods bring it down: a latency, a queue's age. */
export type Target = PerPodTarget | { readonly signal: string; readonly value: number };

/** A latency that is good enough: while it is kept, replicas do not grow. */
export interface Objective {
  /** Seconds. */
  readonly latency: number;
  /** Which part of the requests has to keep it, 0..1. */
  readonly quantile: number;
  /** The signal that measures it, in seconds. */
  readonly signal: string;
}

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
  readonly objective?: Objective;
  readonly decide: readonly DecideStep[];
  /** `null`: scale like an HPA that has no `behavior` (its older algorithm). */
  readonly behavior: Behavior | null;
  /** Signal name → seconds after which its newest sample is too old to act on. */
  readonly maxAge: Readonly<Record<string, number>>;
  /** Signal name → the longest range that its expression looks back over, seconds; 0 or none when it does not. */
  readonly windows: Readonly<Record<string, number>>;
  readonly dryRun: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** A rule for one workload, every default filled in. */
export interface Rule extends RuleSettings {
  readonly scaleTargetRef: ScaleTargetRef;
}

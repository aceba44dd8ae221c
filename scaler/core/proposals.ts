import type { SizingTrace, TargetTrace } from './decision.js';
import type { DemandSizing } from './demand/replicas.js';
import { isAbsent } from './reading.js';
import type { Sizing } from './sizing.js';
import type { Absent, Reading, Rule } from './types.js';

/** What one target of a rule calls for. */
export interface Proposal {
  /** The rule as if it had this target alone. */
  readonly rule: Rule;
  readonly demand: Reading;
  readonly sizing: Sizing | Absent;
  /** Undefined where the target is not sized by the CPU demand. */
  readonly byDemand: DemandSizing | undefined;
}

/**
 * The proposal that counts: the one with the most replicas, and the first of equals. Absent ones do not count; they keep
 * the replicas from going down, because they are inputs that are missing. Where all are absent, so is the result.
 *
 * Source: computeReplicasForMetrics, kubernetes/pkg/controller/podautoscaler/horizontal.go.
 *
 * @param proposals at least one
 */
export function largest<T extends { readonly sizing: Sizing | Absent }>(proposals: readonly T[]): T {
  return proposals.reduce((most, next) => (replicasOf(next) > replicasOf(most) ? next : most));
}

function replicasOf({ sizing }: { readonly sizing: Sizing | Absent }): number {
  return isAbsent(sizing) ? -1 : sizing.trace.replicas;
}

/** Every target of a rule with several; undefined for a rule with one. */
export function tracesOf(proposals: readonly Proposal[], decisive: Proposal): TargetTrace[] | undefined {
  if (proposals.length < 2) return undefined;
  return proposals.map((proposal): TargetTrace => {
    const { rule, sizing } = proposal;
    if (isAbsent(sizing)) {
      return { signal: rule.target.signal, absent: sizing.absent, text: sizing.text };
    }
    return { ...figuresOf(sizing.trace), ...(proposal === decisive && { decides: true }) };
  });
}

function figuresOf({ signal, demand, targetPerPod, targetValue, ratio, replicas }: SizingTrace): TargetTrace {
  return {
    signal,
    demand,
    ...(targetPerPod !== undefined && { targetPerPod }),
    ...(targetValue !== undefined && { targetValue }),
    ratio,
    replicas,
  };
}

import { oncePer } from '../../common/once.js';
import type { SizingTrace, TargetTrace, Trace } from './decision.js';
import type { DemandSizing } from './demand/replicas.js';
import { isAbsent } from './reading.js';
import type { Sizing } from './sizing.js';
import type { Absent, Reading, Rule, RuleSettings, Target } from './types.js';

/** What one target of a rule calls for. */
export interface Proposal {
  /** The rule as if it had this target alone. */
  readonly rule: Rule;
  readonly demand: Reading;
  readonly sizing: Sizing | Absent;
  /** Undefined where the target is not sized by the CPU demand. */
  readonly byDemand: DemandSizing | undefined;
}

/** True for a target on the CPU demand, which says how much is needed. */
export function isCpuDemand({ signal }: Target): boolean {
  return signal === 'cpu';
}

/** Targets of a rule, in its order. */
export function targetsOf({ target, targets }: Pick<RuleSettings, 'target' | 'targets'>): readonly Target[] {
  return targets ?? [target];
}

/** The rule once for each of its targets, as if it had no other. */
export const byTarget: (rule: Rule) => readonly Rule[] = oncePer((rule: Rule) => {
  const { targets, behaviorOfOthers = rule.behavior, ...settings } = rule;
  if (!targets) return [rule];
  return targets.map((target) => ({
    ...settings,
    target,
    behavior: isCpuDemand(target) ? rule.behavior : behaviorOfOthers,
  }));
});

/** The rule as if it had no target but the CPU demand; undefined without one. */
export function byCpuDemand(rule: Rule): Rule | undefined {
  return byTarget(rule).find(({ target }) => isCpuDemand(target));
}

/** The rule as if it had no target but the one that a round was decided by. */
export function asDecided(rule: Rule, { targets }: Pick<Trace, 'targets'>): Rule {
  const decisive = targets?.findIndex(({ decides }) => decides) ?? -1;
  return byTarget(rule)[Math.max(0, decisive)] ?? rule;
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

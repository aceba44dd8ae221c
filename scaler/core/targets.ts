import { oncePer } from '../../common/once.js';
import type { Trace } from './decision.js';
import type { Rule, RuleSettings, Target } from './types.js';

/** True for a target on the CPU demand, which says how much is needed. */
export function isCpuDemand({ signal }: Target): boolean {
  return signal === 'cpu';
}

/** Signal of the request that percentages of a target are of. */
export function requestSignal({ resource, container }: Target): string {
  const name = resource === 'memory' ? 'memory_request' : 'request';
  return container === undefined ? name : ofContainer(name, container);
}

/** Signal of one container; names of containers have no underscore. */
export function ofContainer(signal: string, container: string): string {
  return `${signal}_of_${container.replaceAll(/[^A-Za-z0-9]/g, '_')}`;
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

import type { RuleGroup, WorkloadMatch } from './types.js';

/** What the fleet rules match. */
export function matchesOf(groups: readonly RuleGroup[]): WorkloadMatch[] {
  return groups.flatMap(({ rules }) => rules.flatMap((rule) => ('match' in rule ? [rule.match] : [])));
}

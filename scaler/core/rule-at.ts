import { openUntil, type ScheduleInForce } from './schedule.js';
import type { Rule } from './types.js';

/**
 * The rule with the bounds that its schedules give it at a time: the largest minReplicas and the largest maxReplicas of those
 * in force, where one without a bound has the rule's. Annotations narrow them.
 */
export function ruleAt(rule: Rule, now: number): Rule {
  if (!rule.schedules) return rule;
  const inForce = rule.schedules.flatMap((schedule): ScheduleInForce[] => {
    const until = openUntil(schedule, now);
    return until === undefined ? [] : [{ ...schedule, until }];
  });
  if (inForce.length === 0) return rule;
  const { minReplicas: least = 0, maxReplicas: most = Infinity } = rule.restrictions ?? {};
  const max = Math.max(...inForce.map(({ maxReplicas = rule.maxReplicas }) => maxReplicas));
  const min = Math.max(...inForce.map(({ minReplicas = rule.minReplicas }) => minReplicas));
  const maxReplicas = Math.min(max, most);
  return { ...rule, minReplicas: Math.min(Math.max(min, least), maxReplicas), maxReplicas, inForce };
}

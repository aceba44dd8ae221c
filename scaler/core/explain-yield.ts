import type { Unexplained, Yield } from './decision.js';
import { scheduleName } from './explain-schedule.js';
import { count, timeText } from './format.js';
import { BOUNDS, PAUSED } from './restrictions.js';
import type { Rule } from './types.js';

/** A bound as people find it: that of a schedule, the annotation of the workload, or the field of the rule. */
export function boundName(rule: Rule, bound: keyof typeof BOUNDS): string {
  return scheduleName(rule, bound) ?? (rule.restrictions?.[bound] === undefined ? bound : BOUNDS[bound]);
}

/** Why the replicas are left to another. */
export function yieldText({ to, by, from = 0, until }: Yield, current: number): string {
  const end = until === undefined ? '' : ` until ${timeText(Math.ceil(until))}`;
  switch (to) {
    case 'otherAutoscaler':
      return `${by} scales it`;
    case 'paused':
      return `Paused by the annotation ${PAUSED}${end}${by === '' ? '' : `: ${by}`}`;
    case 'otherWriter':
      return `${by} changed ${count(from, 'replica')} to ${current}, which stay${end}`;
  }
}

/** The end of it, to follow "Would change when". */
export function yieldEnd({ to, by, until }: Yield): string {
  if (to === 'otherAutoscaler') return `${by} is gone`;
  const time = until === undefined ? '' : `it is ${timeText(Math.ceil(until))}`;
  if (to === 'otherWriter') return time;
  return `${time === '' ? '' : `${time}, or `}the annotation is removed`;
}

/** What holds a rule that would act; in shadow mode it is decided all the same. */
export function dryRunText({ dryRun }: Rule, { yields, currentReplicas }: Unexplained): string {
  return dryRun && yields ? `. Outside shadow mode it would stay: ${yieldText(yields, currentReplicas)}` : '';
}

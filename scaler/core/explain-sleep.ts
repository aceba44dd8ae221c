import type { SleepTrace, Unexplained } from './decision.js';
import type { Row } from './details-requests.js';
import { capitalize, duration, round, timeText } from './format.js';
import type { Rule } from './types.js';

/** Why a workload sleeps, or goes to sleep. */
export function sleepText(rule: Rule, { sleep, currentReplicas, stages: { clamped } }: Unexplained): string {
  if (currentReplicas === clamped) return `Idle: ${activationText(sleep!)}`;
  return `Neither activation nor demand for ${duration(rule.idle!.after)}, so it sleeps`;
}

/** Why a workload wakes. */
export function wakeText({ minReplicas }: Rule, { sleep }: Unexplained): string {
  const wakes = `woken to minReplicas (${minReplicas})`;
  switch (sleep!.wakes) {
    case 'unread':
      return `${capitalize(activationText(sleep!))}, and nothing sleeps on missing data: ${wakes}`;
    case 'bound':
      return `A schedule or an annotation asks for replicas: ${wakes}`;
    case 'demand':
      return `There is demand: ${wakes}`;
    case 'noIdle':
      return `Its rule, which put it to sleep, has no idle any more: ${wakes}`;
    default:
      return `${capitalize(activationText(sleep!))}: ${wakes}`;
  }
}

/** What ends the sleep, to follow "Would change when". */
export function sleepEnd({ idle }: Rule, { sleep }: Unexplained): string {
  return `activation is above ${round(sleep!.above ?? 0)}, or cannot be read${idle!.replicas > 0 ? ', or there is demand' : ''}`;
}

/** Why scaling is off at 0 replicas. */
export function offText({ idle }: Rule): string {
  const whose = idle ? ', which this rule did not set,' : '';
  return `At 0 replicas${whose} scaling is off; set replicas by hand to turn it on`;
}

/** Rows of a rule with `idle`. */
export function sleepRows(sleep: SleepTrace | undefined): Row[] {
  if (!sleep?.activation) return [];
  const quiet =
    sleep.quietSince === undefined ? '' : `; no demand either since ${timeText(sleep.quietSince)}`;
  return [{ name: 'idle', text: activationText(sleep) + quiet }];
}

function activationText({ activation, above = 0, unreadSince }: SleepTrace): string {
  if (activation?.value === undefined) {
    const since = unreadSince === undefined ? '' : ` since ${timeText(unreadSince)}`;
    return `the activation cannot be read${since} (${activation?.text ?? 'no data'})`;
  }
  const relation = activation.value > above ? 'above' : 'not above';
  return `activation is ${round(activation.value)}, ${relation} ${round(above)}`;
}

import type { Unexplained } from './decision.js';
import { boundsText } from './explain-demand.js';
import { isByHarm, keepFor, stepOf } from './explain-harm.js';
import { sleepEnd } from './explain-sleep.js';
import { fallbackOf } from './fallback.js';
import { capitalize, count, demandName, milliseconds, rate, timeText, untilText } from './format.js';
import { signEnd } from './format-harm.js';
import { boundName, yieldEnd } from './explain-yield.js';
import { forbidding, scheduleEnd, settingOf } from './explain-schedule.js';
import { windowsOf } from './stabilize.js';
import type { Rule } from './types.js';

/** Condition for another decision, to follow "Would change when"; names the figure that would change it. */
export function changeOf(rule: Rule, decision: Unexplained): string {
  const { sizing, bindingConstraint } = decision;
  switch (bindingConstraint) {
    case 'scalingDisabled':
      return 'replicas are set above 0 by hand';
    case 'idle':
      return sleepEnd(rule, decision);
    case 'activation':
      return 'there is neither activation nor demand';
    case 'otherAutoscaler':
    case 'paused':
    case 'otherWriter':
      return `${yieldEnd(decision.yields!)}. ${demandAlone(rule, decision)}`;
    case 'noData':
      return completeText(rule, decision) + fallbackStart(rule, decision);
    case 'fallback':
    case 'noScaleDown':
      return completeText(rule, decision);
    case 'hold':
    case 'dependency':
      return `${endOf(rule, decision)}. ${demandAlone(rule, decision)}`;
    case 'unmeasuredPods':
      return 'every pod is ready and measured';
    case 'stabilization':
      return decision.stages.floor < decision.stages.stabilized
        ? `demand stays low for the ${windowsOf(rule.behavior).down} s window`
        : `demand stays high for the ${windowsOf(rule.behavior).up} s window`;
    case 'scaleUpLimit':
      return limitEnd(rule, 'scaleUp');
    case 'scaleDownLimit':
      return limitEnd(rule, 'scaleDown');
    case 'minReplicas':
    case 'maxReplicas':
      return `${boundEnd(rule, bindingConstraint, decision.at)}${sizing ? `, or ${boundsText(rule, decision, sizing)}` : ''}`;
    case 'tolerance':
    case 'none':
      if (decision.action === 'step' && decision.harm?.harmed) return endOf(rule, decision);
      return sizing ? boundsText(rule, decision, sizing) : 'there is data';
  }
}

function boundEnd(rule: Rule, bound: 'minReplicas' | 'maxReplicas', now: number): string {
  const schedule = settingOf(rule, bound);
  return schedule ? `it is ${scheduleEnd(schedule, now)}` : `${bound} changes`;
}

function limitEnd({ behavior }: Rule, direction: 'scaleUp' | 'scaleDown'): string {
  if (!behavior) return 'the next round doubles the replicas again';
  if (behavior[direction].selectPolicy === 'Disabled') return `${direction} is enabled`;
  return `the period of the ${direction} policy ends`;
}

/** When the fallback of a rule raises the replicas. */
function fallbackStart(rule: Rule, { absence, currentReplicas }: Unexplained): string {
  const fallback = fallbackOf(rule, absence, currentReplicas);
  if (!fallback) return '';
  return `, or at ${timeText(Math.ceil(fallback.at))} by the fallback to ${count(fallback.replicas, 'replica')}`;
}

/** Conditions under which replicas may go down again. */
function completeText(rule: Rule, decision: Unexplained): string {
  const { inputs, sizing, objective, harm, currentReplicas, idlePods = 0, noScaleDown } = decision;
  const absent = inputs.filter(({ value }) => value === undefined).map(({ signal }) => signal);
  const pods = inputs.find(({ signal }) => signal === 'pods')?.value ?? Infinity;
  const counted = Math.min(pods, sizing?.pods?.counted ?? Infinity);
  const conditions = [
    ...(absent.length > 3 ? ['all signals have data'] : []),
    ...(absent.length > 0 && absent.length <= 3 ? [`there is data for ${absent.join(', ')}`] : []),
    ...(counted < currentReplicas - idlePods ? ['every pod is ready and measured'] : []),
    ...(objective?.kept === false ? [`latency is within ${milliseconds(objective.latency)}`] : []),
    ...(harm && harm.protectedBy.length > 0
      ? [`no harm has shown for the ${windowsOf(rule.behavior).down} s window`]
      : []),
    ...forbidding(rule).map((schedule) => `it is ${scheduleEnd(schedule, decision.at)}`),
  ];
  return conditions.join(' and ') || `this no longer holds: ${noScaleDown.join('; ')}`;
}

/** The end of what holds a workload. */
function endOf(rule: Rule, decision: Unexplained): string {
  const { harm } = decision;
  const step = stepOf(decision);
  if (step?.outcome === 'keeping') return `keepFor (${keepFor(rule, step)} s) has passed`;
  if (harm && isByHarm(step)) {
    const ends = harm.signs.map(signEnd).join(' and ') || 'no sign of harm shows';
    const grows =
      decision.action === 'step' && harm.watch
        ? `more than ${rate(harm.watch.before)} are answered, or `
        : '';
    return `${grows}${ends}, for ${count(rule.harm.rounds, 'round')}`;
  }
  return step?.evidence.map(untilText).join(' or ') ?? 'its class changes';
}

/** Decision by demand alone. */
function demandAlone(rule: Rule, { sizing, currentReplicas }: Unexplained): string {
  const { minReplicas, maxReplicas, target } = rule;
  const name = demandName(target.signal);
  if (!sizing) return `${capitalize(name)} is unknown`;
  const { replicas } = sizing;
  if (replicas === currentReplicas) return `${capitalize(name)} alone would not change the replica count`;
  const limit =
    (replicas > maxReplicas && ` (${boundName(rule, 'maxReplicas')} is ${maxReplicas})`) ||
    (replicas < minReplicas && ` (${boundName(rule, 'minReplicas')} is ${minReplicas})`);
  return `${capitalize(name)} alone calls for ${count(replicas, 'replica')}${limit || ''}`;
}

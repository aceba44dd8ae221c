import type { Unexplained } from './decision.js';
import { changeOf } from './explain-change.js';
import { doubtText, isIdle, loadText, threadsText, unmeasuredText } from './explain-demand.js';
import { dependencyText, habitText, harmAside, holdText, stepText } from './explain-harm.js';
import { capitalize, count, objectiveText, round, timeText } from './format.js';
import { othersText } from './explain-targets.js';
import { opaqueText } from './opaque.js';
import { offText, sleepText, wakeText } from './explain-sleep.js';
import { toleranceOf } from './replica-calculator.js';
import { windowsOf } from './stabilize.js';
import { asDecided } from './targets.js';
import type { SizingTrace } from './decision.js';
import { scheduleText } from './explain-schedule.js';
import { boundName, dryRunText, yieldText } from './explain-yield.js';
import type { Rule } from './types.js';

export interface Explanation {
  /** Explains the replica count with arithmetic that a reader can check; does not repeat it. */
  readonly reason: string;
  readonly wouldChange: string;
}

/** Puts a decision into words: the terminal, the page, `explain`, Events and the audit log all show these. */
export function explain(given: Rule, decision: Unexplained): Explanation {
  const rule = asDecided(given, decision);
  return {
    reason: reasonOf(rule, decision) + blindText(decision) + dryRunText(rule, decision),
    wouldChange: `Would change when ${changeOf(rule, decision)}`,
  };
}

function blindText({ opaque }: Unexplained): string {
  return opaque ? `; ${opaqueText(opaque)}` : '';
}

function reasonOf(rule: Rule, decision: Unexplained): string {
  const { harm } = decision;
  switch (decision.bindingConstraint) {
    case 'scalingDisabled':
      return offText(rule);
    case 'idle':
      return sleepText(rule, decision);
    case 'activation':
      return wakeText(rule, decision);
    case 'otherAutoscaler':
      return `${yieldText(decision.yields!, decision.currentReplicas)}, so this rule does not`;
    case 'paused':
    case 'otherWriter':
      return yieldText(decision.yields!, decision.currentReplicas);
    case 'noData':
      return `${lackText(decision)}. Holding; nothing is scaled on missing data`;
    case 'fallback':
      return `${lackText(decision)}. The fallback keeps at least ${count(decision.stages.clamped, 'replica')}`;
    case 'hold':
      return decision.action === 'step' && harm ? stepText(decision, harm) : holdText(rule, decision);
    case 'dependency':
      return dependencyText(decision);
    case 'noScaleDown':
      return `${enough(rule, decision.stages.tolerance)}, but ${first(blockers(decision))}, so nothing is removed`;
    default:
      if (decision.action === 'step' && harm?.harmed) return stepText(decision, harm);
      return [
        habitText(decision),
        sizedText(rule, decision),
        othersText(decision),
        asideText(rule, decision),
      ].join('');
  }
}

/** What is missing, and since when where a rule goes by that. */
function lackText({ noScaleDown, absence }: Unexplained): string {
  const [lack = 'no data', ...others] = noScaleDown;
  const since = absence ? ` since ${timeText(absence.since)}` : '';
  return capitalize(first([lack + since, ...others]));
}

function sizedText(rule: Rule, decision: Unexplained): string {
  const { sizing, stages, currentReplicas } = decision;
  const { clamped, rateLimited, stabilized } = stages;
  const byMin = scheduleText(rule, 'minReplicas', decision.at);
  const byMax = scheduleText(rule, 'maxReplicas', decision.at);
  if (!sizing || (clamped !== currentReplicas && stages.raw === currentReplicas)) {
    const scheduled = clamped > currentReplicas ? byMin : byMax;
    if (scheduled) return capitalize(scheduled);
    return clamped > currentReplicas
      ? `Below ${boundName(rule, 'minReplicas')} (${rule.minReplicas})`
      : `Above ${boundName(rule, 'maxReplicas')} (${rule.maxReplicas})`;
  }
  const load = threadsText(decision) ?? loadText(rule, decision);
  switch (decision.bindingConstraint) {
    case 'tolerance':
      return `${load}, within the ${toleranceText(rule, sizing)} tolerance`;
    case 'unmeasuredPods':
      return `${load}, but counting ${unmeasuredText(rule, sizing)} reverses the direction, so nothing changes`;
    case 'stabilization':
      return `${load}. ${stabilizationText(rule, decision)}`;
    case 'scaleUpLimit':
      return `${load}. ${needed(stabilized)}, ${policyText(rule, 'scaleUp', rateLimited)}`;
    case 'scaleDownLimit':
      return `${load}. ${needed(stabilized)}, ${policyText(rule, 'scaleDown', rateLimited)}`;
    case 'minReplicas':
      if (byMin) return `${load}. ${needed(rateLimited)}, ${byMin}`;
      return `${load}. ${isIdle(sizing) ? `At ${boundName(rule, 'minReplicas')} (${clamped})` : `${needed(rateLimited)}, ${boundName(rule, 'minReplicas')} is ${clamped}`}`;
    case 'maxReplicas':
      if (byMax) return `${load}. ${needed(rateLimited)}, ${byMax}`;
      return `${load}. ${needed(rateLimited)}, ${boundName(rule, 'maxReplicas')} is ${rule.maxReplicas}`;
    default:
      return `${load}. ${count(clamped, 'replica')} ${clamped === currentReplicas ? 'still ' : ''}needed`;
  }
}

function stabilizationText(rule: Rule, { sizing, stages: { floor, stabilized } }: Unexplained): string {
  const { up, down } = windowsOf(rule.behavior);
  if (floor > stabilized)
    return `${needed(floor)} now, but no more than ${stabilized} throughout the last ${up} s`;
  if (isIdle(sizing!)) return `${stabilized} or more replicas were needed in the last ${down} s`;
  return `${needed(floor)} now, but ${stabilized} or more were needed in the last ${down} s`;
}

/** Clauses that confidence, objective, walk and harm add to a decision by demand. */
function asideText(rule: Rule, decision: Unexplained): string {
  const { objective, walk, stages, currentReplicas } = decision;
  const gate = stages.clamped > currentReplicas && objective ? `; ${objectiveText(objective)}` : '';
  const cleared = walk?.explained ? "; its peers' own work accounts for its wait" : '';
  return doubtText(decision) + gate + cleared + harmAside(rule, decision);
}

/** Why this round must not scale down, harm first. */
function blockers({ harm, noScaleDown }: Unexplained): string[] {
  return [...new Set([...(harm?.protectedBy ?? []), ...noScaleDown])];
}

function policyText({ behavior }: Rule, direction: 'scaleUp' | 'scaleDown', allowed: number): string {
  if (!behavior) return `but replicas at most double, to ${allowed} now`;
  if (behavior[direction].selectPolicy === 'Disabled') return `but ${direction} is disabled`;
  return `${direction} policy allows ${allowed} now`;
}

function toleranceText({ behavior }: Rule, { ratio }: SizingTrace): string {
  const { up, down } = toleranceOf(behavior);
  return `${round((ratio > 1 ? up : down) * 100)} %`;
}

function needed(replicas: number): string {
  return `${count(replicas, 'replica')} needed`;
}

/** Demand may call for fewer replicas than the rule allows. */
function enough({ minReplicas }: Rule, replicas: number): string {
  if (replicas < Math.max(1, minReplicas)) return `minReplicas (${minReplicas}) would be enough`;
  return `${count(replicas, 'replica')} would be enough`;
}

/** The first of several reasons, and how many more there are: a view lists all of them below. */
function first([reason = 'no data', ...others]: readonly string[]): string {
  return others.length === 0 ? reason : `${reason}, and ${count(others.length, 'more reason')}`;
}

import {
  amount,
  capitalize,
  conditionText,
  count,
  demandName,
  evidenceText,
  milliseconds,
  nameOf,
  objectiveText,
  percent,
  round,
  times,
  untilText,
} from './format.js';
import type { Decision, SizingTrace, StepTrace, Trace } from './decision.js';
import { toleranceOf, withinTolerance } from './replica-calculator.js';
import { windowsOf } from './stabilize.js';
import type { Rule } from './types.js';

/** A decision without its sentences. */
export type Unexplained = Omit<Trace, 'wouldChange'> & Pick<Decision, 'class' | 'action'>;

export interface Explanation {
  /** Explains the replica count with arithmetic that a reader can check; does not repeat it. */
  readonly reason: string;
  readonly wouldChange: string;
}

const FUTILITY: Readonly<Record<string, string>> = {
  disk: '. More replicas would add contention',
  lock: '. More replicas would not relieve a lock inside one process',
};

/** Puts a decision into words: the terminal, the page, `explain`, Events and the audit log all show these. */
export function explain(rule: Rule, decision: Unexplained): Explanation {
  return {
    reason: reasonOf(rule, decision),
    wouldChange: `Would change when ${changeOf(rule, decision)}`,
  };
}

function reasonOf(rule: Rule, decision: Unexplained): string {
  switch (decision.bindingConstraint) {
    case 'scalingDisabled':
      return 'At 0 replicas scaling is off; set replicas by hand to turn it on';
    case 'noData':
      return `${capitalize(first(decision.noScaleDown))}. Holding; nothing is scaled on missing data`;
    case 'hold':
      return holdText(rule, decision);
    case 'dependency':
      return dependencyText(decision);
    case 'noScaleDown':
      return `${enough(rule, decision.stages.tolerance)}, but ${first(decision.noScaleDown)}, so nothing is removed`;
    default:
      return sizedText(rule, decision) + asideText(decision);
  }
}

function sizedText(rule: Rule, decision: Unexplained): string {
  const { sizing, stages, currentReplicas } = decision;
  const { clamped, rateLimited, stabilized } = stages;
  if (!sizing || (clamped !== currentReplicas && stages.raw === currentReplicas)) {
    return clamped > currentReplicas
      ? `Below minReplicas (${rule.minReplicas})`
      : `Above maxReplicas (${rule.maxReplicas})`;
  }
  const load = loadText(rule, decision);
  switch (decision.bindingConstraint) {
    case 'tolerance':
      return `${load}, within the ${toleranceText(rule, sizing)} tolerance`;
    case 'unmeasuredPods':
      return `${load}, but counting ${unmeasuredText(rule, sizing)} reverses the direction, so nothing changes`;
    case 'stabilization':
      return `${load}: ${stabilizationText(rule, decision)}`;
    case 'scaleUpLimit':
      return `${load}: ${needed(stabilized)}, ${policyText(rule, 'scaleUp', rateLimited)}`;
    case 'scaleDownLimit':
      return `${load}: ${needed(stabilized)}, ${policyText(rule, 'scaleDown', rateLimited)}`;
    case 'minReplicas':
      return `${load}: ${isIdle(sizing) ? `at minReplicas (${clamped})` : `${needed(rateLimited)}, minReplicas is ${clamped}`}`;
    case 'maxReplicas':
      return `${load}: ${needed(rateLimited)}, maxReplicas is ${rule.maxReplicas}`;
    default:
      return `${load}: ${count(clamped, 'replica')} ${clamped === currentReplicas ? 'still ' : ''}needed`;
  }
}

function stabilizationText(rule: Rule, { sizing, stages: { floor, stabilized } }: Unexplained): string {
  const { up, down } = windowsOf(rule.behavior);
  if (floor > stabilized)
    return `${needed(floor)} now, but no more than ${stabilized} throughout the last ${up} s`;
  if (isIdle(sizing!)) return `${stabilized} or more replicas were needed in the last ${down} s`;
  return `${needed(floor)} now, but ${stabilized} or more were needed in the last ${down} s`;
}

/** Demand against target: `4 pods × 0.14-core target = 0.56 (1.8×)` is arithmetic that a reader can check. */
function loadText(rule: Rule, { sizing, currentReplicas, stages, bindingConstraint }: Unexplained): string {
  const { signal, targetPerPod, targetValue = 0, ratio, pods, kept } = sizing!;
  if (targetPerPod === undefined) {
    return `${signal} ${round(sizing!.demand)} is ${times(ratio)} its target of ${round(targetValue)}`;
  }
  const assumed = kept ? undefined : sizing!.assumed;
  const demand = sizing!.demand + (assumed?.amount ?? 0);
  if (isIdle({ signal, demand, targetPerPod })) {
    return `Idle (${amount(signal, Number(demand.toFixed(3)))}; target ${round(targetPerPod)} per pod)`;
  }
  const number = pods ? pods.counted + (assumed?.pods ?? 0) : currentReplicas;
  const target = number * targetPerPod;
  const exact = demand / target;
  // HPA cuts utilization to whole percent and averages to thousandths, which now and then makes a difference.
  const differs =
    (!kept && Math.ceil(exact * number - 1e-9) !== stages.raw) ||
    (bindingConstraint === 'tolerance' && !withinTolerance(exact, toleranceOf(rule.behavior)));
  const ratioText = times(exact) + (differs ? `, ${times(ratio)} as HPA counts` : '');
  const filled = assumed ? ` with ${unmeasuredText(rule, sizing!)}` : '';
  const starved = pods?.starved ? `, ${pods.starved} of them unready for lack of CPU` : '';
  const each = `${amount(signal, targetPerPod).replace(/ cores?$/, '-core')} target`;
  return `${demandName(signal)} ${amount(signal, demand)}${filled}; ${count(number, 'pod')} × ${each} = ${round(target)} (${ratioText})${starved}`;
}

/** True while all pods together use a small part of what one of them should carry. */
function isIdle(sizing: Pick<SizingTrace, 'signal' | 'demand' | 'targetPerPod'>): boolean {
  const { signal, demand, targetPerPod = 0 } = sizing;
  return signal === 'cpu' && demand < 0.01 && demand < 0.05 * targetPerPod;
}

/** Pods without a sample that counts, and what they are assumed to carry. */
function unmeasuredText({ target }: Rule, { pods, assumed = { pods: 0, amount: 0 } }: SizingTrace): string {
  if (assumed.amount === 0) {
    const kinds = [...(pods?.missing ? ['unmeasured'] : []), ...(pods?.unready ? ['unready'] : [])];
    return `${count(assumed.pods, `${kinds.join(' or ')} pod`)} as idle`;
  }
  const full = 'averageUtilization' in target && target.averageUtilization <= 100 ? 'request' : 'target';
  return `${count(assumed.pods, 'unmeasured pod')} at ${assumed.pods === 1 ? 'its' : 'their'} ${full}`;
}

/** Clauses that the objective and the walk add to a decision by demand. */
function asideText({ objective, walk, stages, currentReplicas }: Unexplained): string {
  const gate = stages.clamped > currentReplicas && objective ? `; ${objectiveText(objective)}` : '';
  return gate + (walk?.explained ? "; its peers' own work accounts for its wait" : '');
}

function holdText(rule: Rule, decision: Unexplained): string {
  const step = stepOf(decision);
  const evidence = step?.evidence.map(conditionText).join(' and ') ?? '';
  const text =
    step?.outcome === 'keeping'
      ? `-bound recently, kept for ${keepFor(rule, step)} s: now ${evidence}`
      : `-bound: ${evidence}${heldText(step, ' for ')}`;
  return capitalize(decision.class) + text + (FUTILITY[decision.class] ?? '');
}

function dependencyText(decision: Unexplained): string {
  const { walk, workload } = decision;
  const step = stepOf(decision);
  const evidence = step?.evidence.map(evidenceText).join(', ') ?? '';
  const how = `(${evidence}${step?.outcome === 'keeping' ? ' now' : heldText(step, ', ')})`;
  if (!walk) return `Waiting on peers ${how}`;
  const { bottleneck, confidence, path, rejected } = walk;
  if (bottleneck) {
    const [, ...between] = path.slice(0, -1).map(nameOf);
    const via =
      between.length > 1
        ? ` behind ${count(between.length, 'other')}`
        : between.map((it) => ` behind ${it}`).join('');
    const share = confidence < 0.995 ? `; ${percent(confidence)} of the wait leads there` : '';
    return `Waiting on ${nameOf(bottleneck.peer)}${via} ${how}, the bottleneck: it ${bottleneck.why}${share}`;
  }
  const [heaviest] = rejected;
  if (!heaviest) return `Waiting on peers ${how}. None of them is saturated, so nothing is scaled`;
  const { peer, why, class: found } = heaviest;
  if (found === 'cycle') {
    return `Waiting in a cycle ${how}: ${heaviest.path.map(nameOf).join(' → ')}. Nothing is scaled`;
  }
  const on = peer === workload ? 'unknown peers' : nameOf(peer);
  return `Waiting on ${on} ${how}. ${nameOf(peer)} ${why}, so nothing is scaled`;
}

/** The step that gave the workload its class. */
function stepOf({ steps, class: workloadClass }: Unexplained): StepTrace | undefined {
  return steps.find(
    (it) => it.class === workloadClass && (it.outcome === 'matched' || it.outcome === 'keeping'),
  );
}

function heldText(step: StepTrace | undefined, before: string): string {
  return step?.heldSeconds ? `${before}${Math.round(step.heldSeconds)} s` : '';
}

function keepFor({ decide }: Rule, step: StepTrace): number {
  return decide.find(({ bound, action }) => bound === step.class && action === step.action)?.keepFor ?? 0;
}

function policyText({ behavior }: Rule, direction: 'scaleUp' | 'scaleDown', allowed: number): string {
  if (!behavior) return `but replicas at most double, to ${allowed} now`;
  if (behavior[direction].selectPolicy === 'Disabled') return `but ${direction} is disabled`;
  return `${direction} policy allows ${allowed} now`;
}

function limitEnd({ behavior }: Rule, direction: 'scaleUp' | 'scaleDown'): string {
  if (!behavior) return 'the next round doubles the replicas again';
  if (behavior[direction].selectPolicy === 'Disabled') return `${direction} is enabled`;
  return `the period of the ${direction} policy ends`;
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

/** Condition for another decision, to follow "Would change when". */
function changeOf(rule: Rule, decision: Unexplained): string {
  const { sizing, bindingConstraint } = decision;
  switch (bindingConstraint) {
    case 'scalingDisabled':
      return 'replicas are set above 0 by hand';
    case 'noData':
    case 'noScaleDown':
      return completeText(decision);
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
      return `${bindingConstraint} changes${sizing ? `, or ${boundsText(rule, decision, sizing)}` : ''}`;
    case 'tolerance':
    case 'none':
      return sizing ? boundsText(rule, decision, sizing) : 'there is data';
  }
}

/** Conditions under which replicas may go down again. */
function completeText({ inputs, sizing, objective, currentReplicas, noScaleDown }: Unexplained): string {
  const absent = inputs.filter(({ value }) => value === undefined).map(({ signal }) => signal);
  const pods = inputs.find(({ signal }) => signal === 'pods')?.value ?? Infinity;
  const counted = Math.min(pods, sizing?.pods?.counted ?? Infinity);
  const conditions = [
    ...(absent.length > 3 ? ['all signals have data'] : []),
    ...(absent.length > 0 && absent.length <= 3 ? [`there is data for ${absent.join(', ')}`] : []),
    ...(counted < currentReplicas ? ['every pod is ready and measured'] : []),
    ...(objective?.kept === false ? [`latency is within ${milliseconds(objective.latency)}`] : []),
  ];
  return conditions.join(' and ') || `this no longer holds: ${noScaleDown.join('; ')}`;
}

function endOf(rule: Rule, decision: Unexplained): string {
  const step = stepOf(decision);
  if (step?.outcome === 'keeping') return `keepFor (${keepFor(rule, step)} s) has passed`;
  return step?.evidence.map(untilText).join(' or ') ?? 'its class changes';
}

/** Decision by demand alone. */
function demandAlone(
  { minReplicas, maxReplicas, target }: Rule,
  { sizing, currentReplicas }: Unexplained,
): string {
  const name = demandName(target.signal);
  if (!sizing) return `${capitalize(name)} is unknown`;
  const { replicas } = sizing;
  if (replicas === currentReplicas) return `${capitalize(name)} alone would not change the replica count`;
  const limit =
    (replicas > maxReplicas && ` (maxReplicas is ${maxReplicas})`) ||
    (replicas < minReplicas && ` (minReplicas is ${minReplicas})`);
  return `${capitalize(name)} alone calls for ${count(replicas, 'replica')}${limit || ''}`;
}

/** The demand at which the replicas just decided would change again. */
function boundsText(rule: Rule, { stages }: Unexplained, sizing: SizingTrace): string {
  const { clamped: replicas } = stages;
  const { signal, targetPerPod, targetValue = 0 } = sizing;
  const perPod = targetPerPod ?? targetValue / replicas;
  const [least, most] = toleratedRatios(rule);
  // One fewer must be able to carry what is left, too.
  const fewer = perPod * Math.min(replicas * least, replicas - 1);
  const bounds = [
    ...(replicas < rule.maxReplicas ? [`above ${amount(signal, perPod * replicas * most)}`] : []),
    ...(replicas > Math.max(1, rule.minReplicas) ? [`below ${amount(signal, fewer)}`] : []),
  ];
  const name = targetPerPod === undefined ? signal : demandName(signal);
  return bounds.length > 0 ? `${name} is ${bounds.join(' or ')}` : 'minReplicas or maxReplicas changes';
}

/** The ratios of demand to target between which the tolerance applies, in whole percent where HPA counts in these. */
function toleratedRatios({ behavior, target }: Rule): readonly [least: number, most: number] {
  const { up, down } = toleranceOf(behavior);
  const [least, most] = [1 - down, 1 + up];
  if (!('averageUtilization' in target)) return [least, most];
  const { averageUtilization: percent } = target;
  return [Math.ceil(percent * least - 1e-9) / percent, (Math.floor(percent * most + 1e-9) + 1) / percent];
}

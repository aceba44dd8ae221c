import type { DemandTrace, SizingTrace, Unexplained } from './decision.js';
import { amount, count, demandName, figure, milliseconds, rate, round, times } from './format.js';
import { isBacked } from './explain-targets.js';
import { along, toleranceOf, withinTolerance } from './replica-calculator.js';
import type { Rule } from './types.js';

/** Arrivals and answers that differ by less are the same to a reader: the noise of a window. */
const SAME = 0.05;

/** Demand against target: `4 pods × 0.14-core target = 0.56 (1.8×)` is arithmetic that a reader can check. */
export function loadText(
  rule: Rule,
  { sizing, demand: estimate, currentReplicas, stages, bindingConstraint }: Unexplained,
): string {
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
    !estimate &&
    ((!kept && along(Math.ceil(exact * number - 1e-9), exact, currentReplicas) !== stages.raw) ||
      (bindingConstraint === 'tolerance' && !withinTolerance(exact, toleranceOf(rule.behavior))));
  const ratioText = times(exact) + (differs ? `, ${times(ratio)} as HPA counts` : '');
  const filled = assumed ? ` with ${unmeasuredText(rule, sizing!)}` : '';
  const starved = pods?.starved ? `, ${pods.starved} of them unready for lack of CPU` : '';
  const gets = estimate?.perPod === undefined ? '' : `, as a pod gets ${amount(signal, estimate.perPod)}`;
  const each = `${amount(signal, targetPerPod).replace(/ cores?$/, '-core')} target`;
  const what = `${demandName(signal)} ${amount(signal, demand)}${filled}${estimate ? originText(estimate) : ''}`;
  return `${what}; ${count(number, 'pod')} × ${each} = ${figure(signal, target)} (${ratioText})${starved}${gets}`;
}

/** Where a demand comes from, to follow its amount: `: 31 requests/s arrive, 9.8 are answered, 10.2 ms each`. */
function originText(demand: DemandTrace): string {
  const { method, load = 0, cost, arrived = load, answered = arrived } = demand;
  if (method === 'step') return ': saturated, so one step up from what it uses';
  if (method === 'usage' || !cost) return ' in use';
  const each = milliseconds(cost.sized);
  const terms = extraTerms(demand);
  const plus = terms.length > 0 ? `, plus ${terms.join(' and ')}` : '';
  if (method === 'flow') {
    const now = isSame(arrived, load) ? '' : ` (${round(arrived)} arrive)`;
    return `: ${rate(load)} flow down from its callers${now}, ${each} each${plus}`;
  }
  if (method === 'clients') {
    const clients = demand.clients === undefined ? '' : `${round(demand.clients)} `;
    return `: ${clients}waiting clients would ask ${rate(load)} (${round(answered)} are answered), ${each} each${plus}`;
  }
  if (!isSame(arrived, load)) {
    return `: ${rate(load)} of ${round(arrived)} count, the rest may be retries, ${each} each${plus}`;
  }
  if (isSame(arrived, answered)) return ` (${[`${rate(load)} × ${each}`, ...terms].join(' + ')})`;
  return `: ${rate(load)} arrive, ${round(answered)} are answered, ${each} each${plus}`;
}

/** Cores that are no load × cost. */
function extraTerms({ backlog = 0, beside = 0 }: DemandTrace): string[] {
  return [
    ...(isShown(backlog) ? [`${round(backlog)} for the backlog`] : []),
    ...(isShown(beside) ? [`${round(beside)} beside requests`] : []),
  ];
}

/** A smaller amount of cores does not show in the rounded sum. */
function isShown(cores: number): boolean {
  return cores >= 0.001;
}

function isSame(a: number, b: number): boolean {
  return Math.abs(a - b) <= SAME * Math.max(a, b);
}

/** Sizing by threads, where it calls for more than the CPU; undefined elsewhere. */
export function threadsText({ demand, sizing }: Unexplained): string | undefined {
  if (!demand?.threads) return undefined;
  const { busy, perPod } = demand.threads;
  const pods = round(busy / perPod);
  const alone = Math.max(1, Math.ceil(demand.cores / (sizing?.targetPerPod ?? Infinity) - 1e-9));
  const cpu = sizing?.targetPerPod ? `; CPU demand ${amount('cpu', demand.cores)} alone needs ${alone}` : '';
  return `${round(busy)} threads serve at once ÷ ${round(perPod)} that a pod carries = ${count(pods, 'pod')}${cpu}`;
}

/** What a low confidence limits, to follow the replicas. */
export function doubtText({ demand, stages, currentReplicas }: Unexplained): string {
  if (demand?.confidence !== 'low') return '';
  const limit = stages.clamped > currentReplicas ? 'at most doubled' : 'not shrunk';
  return `; low confidence${demand.doubt === undefined ? '' : ` (${demand.doubt})`}: ${limit}`;
}

/** True while all pods together use a small part of what one of them should carry. */
export function isIdle(sizing: Pick<SizingTrace, 'signal' | 'demand' | 'targetPerPod'>): boolean {
  const { signal, demand, targetPerPod = 0 } = sizing;
  return signal === 'cpu' && demand < 0.01 && demand < 0.05 * targetPerPod;
}

/** Pods without a sample that counts, and what they are assumed to carry. */
export function unmeasuredText(
  { target }: Rule,
  { pods, assumed = { pods: 0, amount: 0 } }: SizingTrace,
): string {
  if (assumed.amount === 0) {
    const kinds = [...(pods?.missing ? ['unmeasured'] : []), ...(pods?.unready ? ['unready'] : [])];
    return `${count(assumed.pods, `${kinds.join(' or ')} pod`)} as idle`;
  }
  const full = 'averageUtilization' in target && target.averageUtilization <= 100 ? 'request' : 'target';
  return `${count(assumed.pods, 'unmeasured pod')} at ${assumed.pods === 1 ? 'its' : 'their'} ${full}`;
}

/** The demand at which the replicas just decided would change again. */
export function boundsText(rule: Rule, decision: Unexplained, sizing: SizingTrace): string {
  const { stages, demand: estimate, targets } = decision;
  const { clamped: replicas } = stages;
  if (estimate?.threads) return threadBounds(replicas, estimate.threads.perPod);
  const { signal, targetPerPod, targetValue = 0 } = sizing;
  const perPod = targetPerPod ?? targetValue / replicas;
  const [least, most] = toleratedRatios(rule);
  // One fewer must be able to carry what is left, too.
  const fewer = perPod * Math.min(replicas * least, replicas - 1);
  const shrinks = replicas > Math.max(1, rule.minReplicas) && !isBacked(decision);
  const bounds = [
    ...(replicas < rule.maxReplicas
      ? [`above ${boundText(signal, perPod * replicas * most, estimate)}`]
      : []),
    ...(shrinks ? [`below ${boundText(signal, fewer, estimate)}`] : []),
  ];
  const name = targetPerPod === undefined ? signal : demandName(signal);
  const others = targets ? ', or another target calls for more' : '';
  return bounds.length > 0
    ? `${name} is ${bounds.join(' or ')}${others}`
    : 'minReplicas or maxReplicas changes';
}

function threadBounds(replicas: number, perPod: number): string {
  return `more than ${round(replicas * perPod)} or fewer than ${round((replicas - 1) * perPod)} threads serve at once`;
}

/** A demand, and the requests that cause it where these are counted: people know their load in requests. */
function boundText(signal: string, demand: number, estimate: DemandTrace | undefined): string {
  const text = amount(signal, demand);
  if (!estimate?.cost || estimate.cost.sized <= 0) return text;
  const load = (demand - (estimate.backlog ?? 0) - (estimate.beside ?? 0)) / estimate.cost.sized;
  return load > 0 ? `${text} (${rate(load)})` : text;
}

/** The ratios of demand to target between which the tolerance applies, in whole percent where HPA counts in these. */
function toleratedRatios({ behavior, target }: Rule): readonly [least: number, most: number] {
  const { up, down } = toleranceOf(behavior);
  const [least, most] = [1 - down, 1 + up];
  if (!('averageUtilization' in target)) return [least, most];
  const { averageUtilization: percent } = target;
  return [Math.ceil(percent * least - 1e-9) / percent, (Math.floor(percent * most + 1e-9) + 1) / percent];
}

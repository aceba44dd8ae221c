import { count, milliseconds, percent, round } from './format.js';
import { objectiveText } from './objective.js';
import { toleranceOf } from './replica-calculator.js';
import { DEFAULT_DOWN_WINDOW } from './stabilize.js';
import type { ConditionTrace, Decision, SizingTrace, Trace, WalkTrace } from './decision.js';
import type { Rule } from './types.js';

/** A decision but for its words. */
export type Unexplained = Omit<Trace, 'wouldChange'> & Pick<Decision, 'class' | 'action'>;

export interface Explanation {
  readonly reason: string;
  readonly wouldChange: string;
}

/** Says in plain words why a decision came out as it did, and what would have to change for another one. */
export function explain(rule: Rule, decision: Unexplained): Explanation {
  const { currentReplicas: current, stages } = decision;
  const to = stages.clamped;
  const why = because(rule, decision) + (to > current ? gateText(decision) : '') + waitText(decision);
  const what =
    to === current
      ? `Holding at ${count(current, 'replica')}`
      : `Scaling ${to > current ? 'up' : 'down'} from ${current} to ${count(to, 'replica')}`;
  return { reason: `${what}: ${why}`, wouldChange: wouldChange(rule, decision) };
}

function waitText({ walk }: Unexplained): string {
  return walk?.explained ? '; it waits on others, whose own work explains it' : '';
}

/** What the latency objective had to say about replicas that grow. */
function gateText({ objective }: Unexplained): string {
  return objective && !objective.kept ? `; ${objectiveText(objective)}` : '';
}

function because(rule: Rule, decision: Unexplained): string {
  const { bindingConstraint, stages, noScaleDown, sizing, currentReplicas } = decision;
  const load = sizing ? loadOf(sizing) : '';
  switch (bindingConstraint) {
    case 'scalingDisabled':
      return 'scaling is off while a workload is at zero; set replicas by hand to switch it on again';
    case 'noData':
      return `no data to act on (${noScaleDown.join('; ')})`;
    case 'hold':
      return `${decision.class}-bound, ${evidenceOf(decision)}${futility(decision.class)}`;
    case 'dependency':
      return `waiting on others, ${evidenceOf(decision)}; ${trail(decision.walk)}`;
    case 'noScaleDown':
      return `${load} and ${stages.tolerance} would do, but ${noScaleDown.join('; ')}`;
    case 'tolerance':
      return `${load}, which is within the tolerance`;
    case 'unmeasuredPods':
      return `${load}, but with the pods that are not measured it might be the other way around`;
    case 'objective':
      return `${load} and calls for ${stages.tolerance}, but ${objectiveText(decision.objective!)}`;
    case 'stabilization':
      return `${load} and calls for ${stages.floor}, but ${recommended(rule, decision)}`;
    case 'scaleUpLimit':
    case 'scaleDownLimit':
      return `${load} and calls for ${stages.stabilised}, but ${policiesOf(decision)} allow ${stages.rateLimited} now`;
    case 'minReplicas':
    case 'maxReplicas':
      if (!sizing || stages.raw === currentReplicas) return `${bindingConstraint} is ${stages.clamped}`;
      return `${load} and calls for ${stages.stabilised}, but ${bindingConstraint} is ${stages.clamped}`;
    case 'none':
      return load;
  }
}

function loadOf(sizing: SizingTrace): string {
  const { signal, demand, targetPerPod, targetValue, ratio } = sizing;
  const unit = signal === 'cpu' ? ' cores' : '';
  const times = `${round(ratio)} times the target of`;
  if (targetPerPod === undefined)
    return `${signal} of ${round(demand)} is ${times} ${round(targetValue ?? 0)}`;
  return `${signal} demand of ${round(demand)}${unit} is ${times} ${round(targetPerPod)}${unit} per pod${podsOf(sizing)}`;
}

function podsOf({ pods }: SizingTrace): string {
  if (!pods) return '';
  const { counted, unready, missing, starved } = pods;
  return [
    ...(unready + missing > 0
      ? [`${counted} of ${count(counted + unready + missing, 'pod')} ${counted === 1 ? 'counts' : 'count'}`]
      : []),
    ...(starved > 0 ? [`${starved} of them unready for want of CPU`] : []),
  ]
    .map((part) => `, ${part}`)
    .join('');
}

function evidenceOf({ steps, class: workloadClass }: Unexplained): string {
  const step = steps.find(
    (it) => it.class === workloadClass && (it.outcome === 'matched' || it.outcome === 'keeping'),
  );
  const parts = step?.evidence.map(conditionText) ?? [];
  const held = step?.heldSeconds ? ` for ${Math.round(step.heldSeconds)} s` : '';
  return parts.join(' and ') + (step?.outcome === 'keeping' ? ' until a moment ago' : held);
}

function conditionText({ signal, value, above, below }: ConditionTrace): string {
  const measured = value === undefined ? 'unknown' : String(round(value));
  const limits = [
    ...(above === undefined ? [] : [`above ${above}`]),
    ...(below === undefined ? [] : [`below ${below}`]),
  ];
  return `${signal} ${measured} (${limits.join(', ')})`;
}

function futility(bound: string): string {
  if (bound === 'disk') return '; more replicas would only add contention';
  if (bound === 'lock') return '; more replicas do not remove a lock inside one process';
  return '';
}

function trail(walk: WalkTrace | undefined): string {
  if (!walk) return '';
  const { bottleneck, path, confidence, rejected } = walk;
  if (bottleneck) {
    return `the bottleneck is ${bottleneck.peer} (${bottleneck.why}), ${percent(confidence)} of the waiting leads to it by ${path.join(' → ')}`;
  }
  const [heaviest] = rejected;
  if (!heaviest) return 'no peer explains it';
  return `no peer explains it; most of it leads to ${heaviest.peer}, but ${heaviest.why}`;
}

function recommended({ behavior }: Rule, { stages: { floor, stabilised } }: Unexplained): string {
  if (stabilised > floor) {
    const window = behavior?.scaleDown.stabilizationWindowSeconds ?? DEFAULT_DOWN_WINDOW;
    return `${stabilised} and more were recommended in the last ${window} s`;
  }
  const window = behavior?.scaleUp.stabilizationWindowSeconds ?? 0;
  return `only ${stabilised} and less were recommended throughout the last ${window} s`;
}

function policiesOf({ bindingConstraint }: Unexplained): string {
  return bindingConstraint === 'scaleUpLimit' ? 'the scaleUp policies' : 'the scaleDown policies';
}

function wouldChange(rule: Rule, decision: Unexplained): string {
  switch (decision.bindingConstraint) {
    case 'scalingDisabled':
      return 'replicas above 0, set by hand';
    case 'noData':
    case 'noScaleDown':
      return `an end to this: ${decision.noScaleDown.join('; ')}`;
    case 'hold':
    case 'dependency':
      return `an end to this: ${evidenceOf(decision)}; ${demandAlone(rule, decision)}`;
    case 'objective':
      return `a latency above ${milliseconds(decision.objective!.latency)}`;
    case 'stabilization':
      return 'the same demand until the window has passed';
    case 'scaleUpLimit':
    case 'scaleDownLimit':
      return 'the next period of the policies';
    case 'minReplicas':
    case 'maxReplicas':
      return `another ${decision.bindingConstraint}`;
    case 'tolerance':
    case 'unmeasuredPods':
    case 'none':
      return decision.sizing ? bounds(rule, decision.sizing, decision.stages.clamped) : '';
  }
}

/** What would be decided if nothing held the workload. */
function demandAlone({ minReplicas, maxReplicas }: Rule, { sizing, currentReplicas }: Unexplained): string {
  if (!sizing) return 'its demand is not known';
  const { replicas } = sizing;
  if (replicas === currentReplicas) return 'its demand alone would call for no other number';
  const limit =
    (replicas > maxReplicas && `, maxReplicas is ${maxReplicas}`) ||
    (replicas < minReplicas && `, minReplicas is ${minReplicas}`);
  return `its demand alone would call for ${count(replicas, 'replica')}${limit || ''}`;
}

/** The demand at which the replicas just decided would leave the tolerance. */
function bounds({ behavior }: Rule, sizing: SizingTrace, replicas: number): string {
  const { up, down } = toleranceOf(behavior);
  const { signal, targetPerPod, targetValue = (targetPerPod ?? 0) * replicas } = sizing;
  return `${signal} demand above ${round(targetValue * (1 + up))} or below ${round(targetValue * (1 - down))}`;
}

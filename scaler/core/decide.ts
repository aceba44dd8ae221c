import { assess, type Assessment } from './assess.js';
import { begin, normalise, outOfRange, recordScaling } from './behavior.js';
import { count } from './format.js';
import { objectiveText } from './objective.js';
import { explain } from './reason.js';
import { isAbsent } from './reading.js';
import type { Sizing } from './size.js';
import { DEFAULT_DOWN_WINDOW, remember } from './stabilise.js';
import { elapsed } from './time.js';
import type {
  Absent,
  BindingConstraint,
  Conclusion,
  Decision,
  History,
  Recommendation,
  Rule,
  Samples,
  StagesTrace,
  Walk,
} from './types.js';
import { withRecommendations, withSteps, workloadKey } from './types.js';
import { Dependencies } from './dependencies.js';
import { walk } from './walk.js';

/** Rules are evaluated at least this often, seconds; a longer silence is a pause. */
export const LONGEST_INTERVAL = 300;

const ABSENCES: Record<Absent['absent'], string> = {
  missing: 'missing',
  stale: 'too old',
  partial: 'incomplete',
  nan: 'not a quantity',
  error: 'could not be had',
};

/** All that is known about a workload this round, before anything is decided. */
interface Situation {
  readonly rule: Rule;
  readonly samples: Samples;
  readonly now: number;
  readonly assessment: Assessment;
  readonly walk: Walk | undefined;
  readonly noScaleDown: readonly string[];
  /** The history with this round's timers and gaps, but without a recommendation yet. */
  readonly history: History;
}

/** What a path through the decision comes to. */
export interface Outcome {
  readonly stages: StagesTrace;
  readonly bindingConstraint: BindingConstraint;
  /** Before a change of replicas is recorded. */
  readonly history: History;
}

/**
 * Decides how many replicas a workload should have: classify → (follow) → size → tolerance → stabilise → limit the
 * rate → clamp.
 *
 * Pure: the same arguments give the same decision, and nothing is mutated.
 *
 * @param now seconds since the epoch
 */
export function decide(rule: Rule, samples: Samples, history: History, now: number): Decision {
  return inWords(rule, conclude(rule, samples, history, now));
}

/** `decide` but for the words: a replay of the past makes millions of decisions and reads the words of few. */
export function conclude(rule: Rule, samples: Samples, history: History, now: number): Conclusion {
  const situation = survey(rule, samples, history, now);
  const outcome = settle(situation);
  const replicas = outcome.stages.clamped;
  const { class: workloadClass, action } = classOf(situation);
  return {
    replicas,
    class: workloadClass,
    action,
    trace: traceOf(situation, outcome),
    history: recordScaling(outcome.history, rule.behavior, samples.replicas, replicas, now),
    historyIfNotApplied: outcome.history,
  };
}

export function inWords(rule: Rule, conclusion: Conclusion): Decision {
  const { class: workloadClass, action, trace } = conclusion;
  const { reason, wouldChange } = explain(rule, { class: workloadClass, action, ...trace });
  return { ...conclusion, reason, trace: { ...trace, wouldChange } };
}

function survey(rule: Rule, samples: Samples, history: History, now: number): Situation {
  const assessment = samples.assessment ?? assess(rule, samples, history, now);
  const { states } = assessment.classification;
  return {
    rule,
    samples,
    now,
    assessment,
    walk: walkFrom(rule, samples, assessment, now),
    noScaleDown: reasonsAgainstScalingDown(assessment, samples),
    history: resume(withSteps(history, states), assessment, rule, samples.replicas, now),
  };
}

function walkFrom(
  rule: Rule,
  samples: Samples,
  { classification: { step } }: Assessment,
  now: number,
): Walk | undefined {
  if (step?.action !== 'follow') return undefined;
  const key = workloadKey(rule.scaleTargetRef);
  const dependencies = new Dependencies(samples.neighbourhood, now);
  return samples.walk ?? walk({ key, rule, samples }, dependencies, step.maxHops);
}

/**
 * After rounds without data, and after a pause in which nothing was recommended, a rule starts afresh from the
 * current replicas: it scales down only after a full window of complete data.
 */
function resume(
  history: History,
  { missing }: Assessment,
  rule: Rule,
  current: number,
  now: number,
): History {
  const begun = begin(history, current, now);
  if (missing.length > 0) return { ...begun, dataGap: true };
  const newest = begun.recommendations.reduce((latest, { at }) => Math.max(latest, at), -Infinity);
  const pause = Math.max(windows(rule).down, LONGEST_INTERVAL);
  if (!history.dataGap && elapsed(newest, now) <= pause) return begun;
  return { ...recommend(begun, rule, { replicas: current, at: now, assumed: true }), dataGap: false };
}

function recommend(history: History, rule: Rule, recommendation: Recommendation): History {
  const { up, down } = windows(rule);
  const recommendations = remember(history.recommendations, recommendation, Math.max(up, down));
  return withRecommendations(history, recommendations);
}

function windows({ behavior }: Rule) {
  return {
    up: behavior?.scaleUp.stabilizationWindowSeconds ?? 0,
    down: behavior?.scaleDown.stabilizationWindowSeconds ?? DEFAULT_DOWN_WINDOW,
  };
}

function reasonsAgainstScalingDown(assessment: Assessment, samples: Samples): string[] {
  const { measuredPods, sizing, objective } = assessment;
  const reasons = missingInputs(assessment.missing);
  if (reasons.length === 0 && isAbsent(sizing)) reasons.push(`it cannot be sized: ${sizing.text}`);
  if (measuredPods !== undefined && measuredPods < samples.replicas) {
    reasons.push(`only ${measuredPods} of ${count(samples.replicas, 'pod')} are measured so far`);
  }
  const { counted = Infinity } = isAbsent(sizing) ? {} : (sizing.trace.pods ?? {});
  if (counted < Math.min(samples.replicas, measuredPods ?? Infinity)) {
    reasons.push(`only ${counted} of ${count(samples.replicas, 'pod')} count so far`);
  }
  if (objective?.kept === false) reasons.push(objectiveText(objective));
  return [...reasons, ...samples.waitedOnBy.map((waiter) => `${waiter} is held up and waits on it`)];
}

/** One clause per cause: an outage takes all signals away at once. */
function missingInputs(missing: Assessment['missing']): string[] {
  if (missing.length === 0) return [];
  const signalsByCause = new Map<string, string[]>();
  for (const { signal, absent, text = '' } of missing) {
    const cause = `${ABSENCES[absent!]}: ${text}`;
    signalsByCause.set(cause, [...(signalsByCause.get(cause) ?? []), signal]);
  }
  return [...signalsByCause].map(([cause, signals]) => `${signals.join(', ')} ${cause}`);
}

function settle(situation: Situation): Outcome {
  const { rule, samples, history, assessment } = situation;
  const current = samples.replicas;
  if (current === 0) return { stages: allAt(0), bindingConstraint: 'scalingDisabled', history };
  const inRange = outOfRange(rule, current);
  if (inRange !== undefined) {
    const bindingConstraint = inRange < current ? 'maxReplicas' : 'minReplicas';
    return { stages: { ...allAt(current), clamped: inRange }, bindingConstraint, history };
  }
  const { step } = assessment.classification;
  if (step?.action === 'hold') return hold(situation, 'hold');
  if (step?.action === 'follow' && !situation.walk?.explained) return hold(situation, 'dependency');
  if (isAbsent(assessment.sizing)) return { stages: allAt(current), bindingConstraint: 'noData', history };
  return scale(situation, assessment.sizing);
}

/** To hold is to recommend what there is: it takes a full window after it before replicas go down. */
function hold({ rule, samples, history, now }: Situation, bindingConstraint: 'hold' | 'dependency'): Outcome {
  const current = samples.replicas;
  return {
    stages: allAt(current),
    bindingConstraint,
    history: recommend(history, rule, { replicas: current, at: now }),
  };
}

function scale(situation: Situation, sizing: Sizing): Outcome {
  const { rule, samples, history, now, assessment, noScaleDown } = situation;
  const current = samples.replicas;
  const { raw, trace } = sizing;
  const tolerance = trace.replicas;
  const objective = assessment.objective?.kept ? Math.min(tolerance, current) : tolerance;
  const floor = noScaleDown.length > 0 ? Math.max(objective, current) : objective;
  const normalised = normalise(rule, current, floor, history, now);
  const stages = {
    raw,
    tolerance,
    objective,
    floor,
    stabilised: normalised.stabilised,
    rateLimited: normalised.rateLimited,
    clamped: normalised.replicas,
  };
  return { stages, bindingConstraint: bindingConstraintOf(stages, sizing), history: normalised.history };
}

/** The last stage that changed the number decided it. */
function bindingConstraintOf(stages: StagesTrace, sizing: Sizing): BindingConstraint {
  const { raw, tolerance, objective, floor, stabilised, rateLimited, clamped } = stages;
  if (clamped !== rateLimited) return clamped < rateLimited ? 'maxReplicas' : 'minReplicas';
  if (rateLimited !== stabilised) return rateLimited < stabilised ? 'scaleUpLimit' : 'scaleDownLimit';
  if (stabilised !== floor) return 'stabilization';
  if (floor !== objective) return 'noScaleDown';
  if (objective !== tolerance) return 'objective';
  return tolerance === raw ? 'none' : (sizing.trace.kept ?? 'tolerance');
}

function allAt(replicas: number): StagesTrace {
  return {
    raw: replicas,
    tolerance: replicas,
    objective: replicas,
    floor: replicas,
    stabilised: replicas,
    rateLimited: replicas,
    clamped: replicas,
  };
}

function classOf({ assessment, walk: walked }: Situation): Pick<Decision, 'class' | 'action'> {
  const { classification, missing, sizing } = assessment;
  const { step } = classification;
  if (step) return { class: step.bound, action: walked?.explained ? 'scale' : step.action };
  return missing.length > 0 || isAbsent(sizing)
    ? { class: 'unknown', action: 'hold' }
    : { class: 'none', action: 'scale' };
}

function traceOf(
  { rule, samples, now, assessment, walk: walked, noScaleDown }: Situation,
  { stages, bindingConstraint }: Outcome,
): Conclusion['trace'] {
  const { inputs, sizing, objective, classification } = assessment;
  return {
    workload: workloadKey(rule.scaleTargetRef),
    rule: rule.scale,
    at: now,
    currentReplicas: samples.replicas,
    inputs,
    steps: classification.traces,
    walk: walked && walkTrace(walked),
    sizing: isAbsent(sizing) ? undefined : sizing.trace,
    objective,
    noScaleDown,
    stages,
    bindingConstraint,
  };
}

function walkTrace({ path, bottleneck, confidence, explained, rejected }: Walk) {
  return { path, ...(bottleneck ? { bottleneck } : {}), confidence, explained, rejected };
}

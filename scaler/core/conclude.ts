import type { Assessment } from './assess.js';
import { normalize, outOfRange } from './behavior.js';
import type { BindingConstraint, Decision, StagesTrace } from './decision.js';
import { count } from './format.js';
import { recommend, recordScaling, resume } from './history.js';
import { objectiveText } from './objective.js';
import { isAbsent } from './reading.js';
import type { Sizing } from './sizing.js';
import {
  workloadKey,
  type Absent,
  type History,
  type Rule,
  type Samples,
  type WorkloadKey,
} from './types.js';
import type { Walk } from './walk.js';

const ABSENCES: Record<Absent['absent'], string> = {
  missing: 'missing',
  stale: 'too old',
  partial: 'incomplete',
  nan: 'not a quantity',
  error: 'could not be had',
};

/** One workload of a round, once every workload is assessed and every walk is done. */
export interface AssessedWorkload {
  readonly rule: Rule;
  readonly samples: Samples;
  readonly assessment: Assessment;
  /** Undefined unless the workload is bound by a dependency. */
  readonly walk: Walk | undefined;
  /** Workloads that are bound by a dependency in this round and wait on this one. */
  readonly waiters: readonly WorkloadKey[];
  /** State before this round. */
  readonly history: History;
}

/** Result of the stages: size → tolerance → objective → floor → stabilize → limit the rate → clamp. */
interface Outcome {
  readonly stages: StagesTrace;
  readonly bindingConstraint: BindingConstraint;
  /** Before a change of replicas is recorded. */
  readonly history: History;
}

/** Decides how many replicas a workload should have. */
export function conclude(workload: AssessedWorkload, now: number): Decision {
  const { rule, samples, assessment } = workload;
  const { states } = assessment.classification;
  const hasGap = assessment.missing.length > 0;
  const history = resume(workload.history, states, rule.behavior, hasGap, samples.replicas, now);
  const noScaleDown = reasonsAgainstScalingDown(workload);
  const outcome = runStages(workload, history, noScaleDown, now);
  const replicas = outcome.stages.clamped;
  const { class: workloadClass, action } = classOf(workload);
  return {
    replicas,
    class: workloadClass,
    action,
    trace: traceOf(workload, noScaleDown, outcome, now),
    history: recordScaling(outcome.history, rule.behavior, samples.replicas, replicas, now),
    historyIfNotApplied: outcome.history,
  };
}

function reasonsAgainstScalingDown({ assessment, samples, waiters }: AssessedWorkload): string[] {
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
  return [...reasons, ...waiters.map((waiter) => `${waiter} is held up and waits on it`)];
}

/** One clause per cause: an outage removes all signals at once. */
function missingInputs(missing: Assessment['missing']): string[] {
  if (missing.length === 0) return [];
  const signalsByCause = new Map<string, string[]>();
  for (const { signal, absent, text = '' } of missing) {
    const cause = `${ABSENCES[absent!]}: ${text}`;
    signalsByCause.set(cause, [...(signalsByCause.get(cause) ?? []), signal]);
  }
  return [...signalsByCause].map(([cause, signals]) => `${signals.join(', ')} ${cause}`);
}

function runStages(
  workload: AssessedWorkload,
  history: History,
  noScaleDown: readonly string[],
  now: number,
): Outcome {
  const { rule, samples, assessment, walk } = workload;
  const current = samples.replicas;
  if (current === 0) return { stages: allAt(0), bindingConstraint: 'scalingDisabled', history };
  const inRange = outOfRange(rule, current);
  if (inRange !== undefined) {
    const bindingConstraint = inRange < current ? 'maxReplicas' : 'minReplicas';
    return { stages: { ...allAt(current), clamped: inRange }, bindingConstraint, history };
  }
  const { step } = assessment.classification;
  if (step?.action === 'hold') return hold(workload, 'hold', history, now);
  if (step?.action === 'follow' && !walk?.explained) return hold(workload, 'dependency', history, now);
  if (isAbsent(assessment.sizing)) return { stages: allAt(current), bindingConstraint: 'noData', history };
  return scale(workload, assessment.sizing, history, noScaleDown, now);
}

/** A hold recommends the current replicas: they go down only a full window after it. */
function hold(
  { rule, samples }: AssessedWorkload,
  bindingConstraint: 'hold' | 'dependency',
  history: History,
  now: number,
): Outcome {
  const current = samples.replicas;
  return {
    stages: allAt(current),
    bindingConstraint,
    history: recommend(history, rule.behavior, { replicas: current, at: now }),
  };
}

function scale(
  { rule, samples, assessment }: AssessedWorkload,
  sizing: Sizing,
  history: History,
  noScaleDown: readonly string[],
  now: number,
): Outcome {
  const current = samples.replicas;
  const { raw, trace } = sizing;
  const tolerance = trace.replicas;
  const objective = assessment.objective?.kept ? Math.min(tolerance, current) : tolerance;
  const floor = noScaleDown.length > 0 ? Math.max(objective, current) : objective;
  const normalized = normalize(rule, current, floor, history, now);
  const stages = {
    raw,
    tolerance,
    objective,
    floor,
    stabilised: normalized.stabilized,
    rateLimited: normalized.rateLimited,
    clamped: normalized.replicas,
  };
  return { stages, bindingConstraint: bindingConstraintOf(stages, sizing), history: normalized.history };
}

/** The last stage that changed the number. */
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

function classOf({ assessment, walk }: AssessedWorkload): Pick<Decision, 'class' | 'action'> {
  const { classification, missing, sizing } = assessment;
  const { step } = classification;
  if (step) return { class: step.bound, action: walk?.explained ? 'scale' : step.action };
  return missing.length > 0 || isAbsent(sizing)
    ? { class: 'unknown', action: 'hold' }
    : { class: 'none', action: 'scale' };
}

function traceOf(
  { rule, samples, assessment, walk }: AssessedWorkload,
  noScaleDown: readonly string[],
  { stages, bindingConstraint }: Outcome,
  now: number,
): Decision['trace'] {
  const { inputs, sizing, objective, classification } = assessment;
  return {
    workload: workloadKey(rule.scaleTargetRef),
    rule: rule.scale,
    at: now,
    currentReplicas: samples.replicas,
    inputs,
    steps: classification.traces,
    walk: walk && walkTrace(walk),
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

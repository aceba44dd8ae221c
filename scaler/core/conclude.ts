import type { Assessment } from './assess.js';
import { normalize, outOfRange } from './behavior.js';
import type { BindingConstraint, Decision, StagesTrace, Yield } from './decision.js';
import { stepForLock } from './demand/lock.js';
import { forbiddenBy } from './explain-schedule.js';
import { count, nameOf, objectiveText } from './format.js';
import { circumstancesOf, circumstanceTrace, keptBy, type Circumstances } from './circumstances.js';
import { allAt, sleepFrom, sleepOrWake, withoutSizing, type Outcome } from './outcome.js';
import { harmTrace, walkOf } from './harm/trace.js';
import { learnt } from './harm/learning.js';
import { fewerPodsSince } from './idle-pods.js';
import { recommend, recordScaling, resume } from './history.js';
import type { Judgement } from './judge.js';
import { opaqueTrace } from './opaque.js';
import { leave, observeWriter, type ReplicasLeft } from './other-writers.js';
import { tracesOf } from './proposals.js';
import { isAbsent } from './reading.js';
import type { Sizing } from './sizing.js';
import type { History, Samples } from './round.js';
import { workloadKey, type Absent, type Rule, type WorkloadKey, type StepAction } from './types.js';
import type { Walk } from './walk.js';
import { yieldOf } from './yield.js';

/** One workload of a round, once every workload is assessed and every walk is done. */
export interface AssessedWorkload {
  readonly rule: Rule;
  readonly samples: Samples;
  readonly assessment: Assessment;
  /** Undefined where requests are not measured. */
  readonly judgement: Judgement | undefined;
  /** Undefined unless the workload is bound by a dependency by the shares of its threads' time. */
  readonly walk: Walk | undefined;
  /** Workloads that are bound by a dependency in this round and wait on this one. */
  readonly waiters: readonly WorkloadKey[];
  /** State before this round. */
  readonly history: History;
}

/** Decides how many replicas a workload should have. */
export function conclude(workload: AssessedWorkload, now: number): Decision {
  const { rule, samples, assessment } = workload;
  const { states } = assessment.classification;
  const hasGap = assessment.missing.length > 0;
  const history = resume(workload.history, states, rule.behavior, hasGap, samples.replicas, now);
  const noScaleDown = [...reasonsAgainstScalingDown(workload), ...forbiddenBy(rule, now)];
  const stepped = stepOf(workload, now);
  const { left, yields } = othersOf(workload, now);
  const sizing = stepped?.sizing ?? assessment.sizing;
  const sizings = assessment.proposals.map((proposal) => proposal.sizing);
  const circumstances = circumstancesOf(workload, sizings, yields, noScaleDown, now);
  const outcome = runStages(workload, sizing, circumstances, history, noScaleDown, now);
  const replicas = outcome.stages.clamped;
  const { class: workloadClass, action } = classOf(workload);
  const { lasting, done } = keptBy(circumstances, outcome);
  const kept = { ...keep(workload, stepped?.memory, now), ...lasting };
  const opaque = opaqueTrace(samples);
  return {
    replicas,
    class: workloadClass,
    action,
    trace: {
      ...traceOf(workload, noScaleDown, outcome, now),
      ...idleTrace(samples.replicas - assessment.atWork),
      ...(opaque && { opaque }),
      ...circumstanceTrace(rule, circumstances),
    },
    history: {
      ...recordScaling(outcome.history, rule.behavior, samples.replicas, replicas, now),
      ...kept,
      ...done,
      ...(left && { replicasLeft: replicas === samples.replicas ? left : leave(left, replicas) }),
    },
    historyIfNotApplied: { ...outcome.history, ...kept, ...(left && { replicasLeft: left }) },
  };
}

/** What others have done to the replicas. Who changes those of a shadow, or of a workload left to others, is no news. */
function othersOf(
  { rule, samples, history }: AssessedWorkload,
  now: number,
): { readonly left: ReplicasLeft | undefined; readonly yields: Yield | undefined } {
  const isLeft = yieldOf(rule, samples, undefined, now) !== undefined;
  const accepts = rule.dryRun || isLeft;
  const left = observeWriter(history.replicasLeft, samples.writer, samples.replicas, accepts, now);
  return { left, yields: yieldOf(rule, samples, left, now) };
}

/** What the next round needs to know of the workload's requests and pods. */
function keep(
  { samples, assessment, judgement, history }: AssessedWorkload,
  stepped: History['memory'],
  now: number,
): Pick<History, 'usual' | 'watch' | 'memory' | 'fewerPodsSince' | 'unseenSince'> {
  const memory = stepped ?? assessment.byDemand?.memory ?? history.memory;
  const usual = judgement ? learnt(judgement, samples, now) : history.usual;
  const watch = judgement?.watch ?? history.watch;
  const fewer = fewerPodsSince(samples, history, now);
  const { measuredPods = Infinity, atWork } = assessment;
  const isUncovered = samples.pods !== undefined && measuredPods < atWork;
  return {
    ...(usual && { usual }),
    ...(watch && { watch }),
    ...(memory && { memory }),
    ...(fewer !== undefined && { fewerPodsSince: fewer }),
    ...(isUncovered && { unseenSince: history.unseenSince ?? now }),
  };
}

/** A bounded step for a workload that a lock in each of its pods harms. */
function stepOf({ samples, assessment, judgement, history }: AssessedWorkload, now: number) {
  if (assessment.classification.step?.action !== 'step' || !judgement) return undefined;
  return stepForLock(samples.replicas, judgement, assessment.byDemand?.memory ?? history.memory, now);
}

function reasonsAgainstScalingDown({ assessment, judgement, samples, waiters }: AssessedWorkload): string[] {
  const { measuredPods, proposals, objective, byDemand, unseen, newcomers } = assessment;
  const needed = assessment.atWork - unseen;
  const reasons = missingInputs(assessment);
  reasons.push(...unsized(assessment, reasons.length === 0));
  if (measuredPods !== undefined && measuredPods < needed) {
    reasons.push(withoutData(needed - measuredPods, samples.replicas, 'no data yet'));
  }
  const counted = Math.min(
    ...proposals.map(({ sizing }) => (isAbsent(sizing) ? undefined : sizing.trace.pods?.counted) ?? Infinity),
  );
  if (counted < Math.min(needed, measuredPods ?? Infinity)) {
    reasons.push(withoutData(needed - counted, samples.replicas, 'no usable data yet'));
  }
  if (newcomers.pods > 0) {
    const problem = `been ready for less than a window of ${newcomers.window} s`;
    reasons.push(withoutData(newcomers.pods, samples.replicas, problem));
  }
  if (objective?.kept === false) reasons.push(objectiveText(objective));
  reasons.push(...(byDemand?.noScaleDown ?? []), ...(judgement?.protectedBy ?? []));
  return [...reasons, ...waiters.map((waiter) => `${nameOf(waiter)} waits on it`)];
}

/** Why targets have no size where no missing input says so. */
function unsized({ proposals, missing }: Assessment, isAllThere: boolean): string[] {
  const absent = proposals.flatMap(({ rule: { target }, sizing }) => {
    if (!isAbsent(sizing) || missing.some(({ signal }) => signal === target.signal)) return [];
    return [{ signal: target.signal, text: sizing.text }];
  });
  if (proposals.length > 1) return absent.map(({ signal, text }) => `no size for ${signal} (${text})`);
  return isAllThere ? absent.map(({ text }) => text) : [];
}

function withoutData(amount: number, of: number, problem: string): string {
  return `${amount} of ${count(of, 'pod')} ${amount === 1 ? 'has' : 'have'} ${problem}`;
}

/** One clause per cause; an outage, which removes all signals at once, is a sentence of its own. */
function missingInputs({ missing, inputs }: Assessment): string[] {
  const causes = new Set(missing.map(({ text = '' }) => text));
  return [...causes].map((cause) => {
    const lacking = missing.filter(({ text = '' }) => text === cause);
    const outage = lacking.length === inputs.length && lacking.every(({ absent }) => isOutage(absent));
    return outage ? cause : `no data for ${lacking.map(({ signal }) => signal).join(', ')} (${cause})`;
  });
}

/** True if Prometheus is missing rather than the signal. */
function isOutage(absent: Absent['absent'] | undefined): boolean {
  return absent === 'error' || absent === 'partial';
}

function runStages(
  workload: AssessedWorkload,
  sizing: Sizing | Absent,
  { yields, absence, rest }: Circumstances,
  history: History,
  noScaleDown: readonly string[],
  now: number,
): Outcome {
  const { rule, samples, assessment, walk } = workload;
  const current = samples.replicas;
  const leftTo = rule.dryRun ? undefined : yields?.to;
  if (current === 0 && (leftTo || !rest?.isAsleep))
    return { stages: allAt(0), bindingConstraint: leftTo ?? 'scalingDisabled', history };
  if (leftTo) return hold(workload, leftTo, history, now);
  if (rest?.isAsleep) return sleepOrWake(rule, current, rest.replicas, history, now);
  const inRange = outOfRange(rule, current);
  if (inRange !== undefined) {
    const bindingConstraint = inRange < current ? 'maxReplicas' : 'minReplicas';
    return { stages: { ...allAt(current), clamped: inRange }, bindingConstraint, history };
  }
  const { step } = assessment.classification;
  if (step?.action === 'hold') return hold(workload, 'hold', history, now);
  if (step?.action === 'follow' && step.when && !walk?.explained) {
    return hold(workload, 'dependency', history, now);
  }
  if (isAbsent(sizing)) return withoutSizing(rule, current, absence, history, now);
  const scaled = scale(workload, sizing, history, noScaleDown, now);
  return rest?.replicas === undefined ? scaled : sleepFrom(scaled, rule, current, rest.replicas);
}

/** A hold recommends the current replicas: they go down only a full window after it. */
function hold(
  { rule, samples }: AssessedWorkload,
  bindingConstraint: 'hold' | 'dependency' | Yield['to'],
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
  { samples, assessment }: AssessedWorkload,
  sizing: Sizing,
  history: History,
  noScaleDown: readonly string[],
  now: number,
): Outcome {
  const { decisive } = assessment;
  const current = samples.replicas;
  const { raw, trace } = sizing;
  const tolerance = trace.replicas;
  const floor = noScaleDown.length > 0 ? Math.max(tolerance, current) : tolerance;
  const normalized = normalize(decisive.rule, current, floor, history, now);
  const stages = {
    raw,
    tolerance,
    floor,
    stabilized: normalized.stabilized,
    rateLimited: normalized.rateLimited,
    clamped: normalized.replicas,
  };
  // A waiter is sized by its own demand, whatever it waits for.
  const action = assessment.classification.step?.action;
  const isKept = normalized.replicas === current;
  const bindingConstraint = (isKept && HELD_BY[action ?? 'scale']) || bindingConstraintOf(stages, sizing);
  return { stages, bindingConstraint, history: normalized.history };
}

/** Actions under which a workload that keeps its replicas is held. */
const HELD_BY: Readonly<Partial<Record<StepAction, BindingConstraint>>> = {
  follow: 'dependency',
  step: 'hold',
};

/** The last stage that changed the number. */
function bindingConstraintOf(stages: StagesTrace, sizing: Sizing): BindingConstraint {
  const { raw, tolerance, floor, stabilized, rateLimited, clamped } = stages;
  if (clamped !== rateLimited) return clamped < rateLimited ? 'maxReplicas' : 'minReplicas';
  if (rateLimited !== stabilized) return rateLimited < stabilized ? 'scaleUpLimit' : 'scaleDownLimit';
  if (stabilized !== floor) return 'stabilization';
  if (floor !== tolerance) return 'noScaleDown';
  return tolerance === raw ? 'none' : (sizing.trace.kept ?? 'tolerance');
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
  { rule, samples, assessment, judgement, walk, history }: AssessedWorkload,
  noScaleDown: readonly string[],
  { stages, bindingConstraint }: Outcome,
  now: number,
): Decision['trace'] {
  const { inputs, sizing, objective, classification, proposals, decisive } = assessment;
  const targets = tracesOf(proposals, decisive);
  return {
    workload: workloadKey(rule.scaleTargetRef),
    rule: rule.scale,
    at: now,
    currentReplicas: samples.replicas,
    inputs,
    steps: classification.traces,
    walk: walk ? walkTrace(walk) : judgement && walkOf(judgement),
    sizing: isAbsent(sizing) ? undefined : sizing.trace,
    ...(targets && { targets }),
    demand: decisive.byDemand?.demand,
    harm: judgement && harmTrace(judgement, history.memory),
    objective,
    noScaleDown,
    stages,
    bindingConstraint,
  };
}

function idleTrace(idlePods: number): Pick<Decision['trace'], 'idlePods'> {
  return idlePods > 0 ? { idlePods } : {};
}

function walkTrace({ path, bottleneck, confidence, explained, rejected }: Walk) {
  return { path, ...(bottleneck ? { bottleneck } : {}), confidence, explained, rejected };
}

import { getOrCompute } from '../../common/once.js';
import { assess, type Assessment } from './assess.js';
import { conclude } from './conclude.js';
import type { Decision, ExplainedDecision } from './decision.js';
import { Dependencies } from './dependencies.js';
import { explain } from './explain.js';
import { judge, type Judgement } from './judge.js';
import { notAfter } from './rebase.js';
import type { History, RoundInput, Samples, WorkloadInput } from './round.js';
import { ruleAt } from './rule-at.js';
import { workloadKey, type Rule, type WorkloadKey } from './types.js';
import { walk, type Walk } from './walk.js';

/**
 * Decides how many replicas each target should have: judges by their requests which workloads are harmed and by what,
 * assesses every one by its own signals, then concludes for each target.
 *
 * Pure: the same arguments give the same decisions, and nothing is mutated. A thousand workloads that all wait on each
 * other cost a tenth of a second.
 *
 * @param now seconds since the epoch
 */
export function decideRound(
  { workloads: given, targets }: RoundInput,
  now: number,
): ReadonlyMap<WorkloadKey, Decision> {
  const workloads = atTime(given, now);
  const judgements = judge(workloads, now);
  const assessments = assessAll(workloads, judgements, now);
  const { walks, waiters } = walkAll(workloads, assessments, now);
  const decisions = new Map<WorkloadKey, Decision>();
  for (const key of targets) {
    const { rule, samples, history } = workloads.get(key)!;
    const workload = {
      rule: rule!,
      samples,
      assessment: assessments.get(key)!,
      judgement: judgements.get(key),
      walk: walks.get(key),
      waiters: waiters.get(key) ?? [],
      history,
    };
    decisions.set(key, conclude(workload, now));
  }
  return decisions;
}

/**
 * The workloads with the bounds that their schedules give them now, and with histories that end by now, whatever was done to
 * the clock: no stage below meets the future.
 */
function atTime(workloads: RoundInput['workloads'], now: number): RoundInput['workloads'] {
  const changed = new Map<WorkloadKey, WorkloadInput>();
  for (const [key, input] of workloads) {
    const history = notAfter(input.history, now);
    const rule = input.rule && ruleAt(input.rule, now);
    if (history !== input.history || rule !== input.rule) changed.set(key, { ...input, rule, history });
  }
  return changed.size > 0 ? new Map([...workloads, ...changed]) : workloads;
}

/** Puts a decision into words. A replay of the past makes millions of decisions and reads the words of few. */
export function explained(rule: Rule, decision: Decision): ExplainedDecision {
  const { class: workloadClass, action, trace } = decision;
  const { reason, wouldChange } = explain(ruleAt(rule, trace.at), { class: workloadClass, action, ...trace });
  return { ...decision, reason, trace: { ...trace, wouldChange } };
}

/** `decideRound` for a workload that is alone. */
export function decide(rule: Rule, samples: Samples, history: History, now: number): ExplainedDecision {
  const key = workloadKey(rule.scaleTargetRef);
  const workloads = new Map([[key, { rule, samples, history }]]);
  return explained(rule, decideRound({ workloads, targets: [key] }, now).get(key)!);
}

/** Assesses every workload that a rule scales. */
export function assessAll(
  workloads: RoundInput['workloads'],
  judgements: ReadonlyMap<WorkloadKey, Judgement>,
  now: number,
): ReadonlyMap<WorkloadKey, Assessment> {
  const assessments = new Map<WorkloadKey, Assessment>();
  for (const [key, { rule, samples, history }] of workloads) {
    if (rule) assessments.set(key, assess(rule, samples, history, judgements.get(key), now));
  }
  return assessments;
}

export interface Walks {
  /** Walks of the workloads that are bound by a dependency. */
  readonly walks: ReadonlyMap<WorkloadKey, Walk>;
  /** By workload: those that wait on it without an explanation. */
  readonly waiters: ReadonlyMap<WorkloadKey, readonly WorkloadKey[]>;
}

/** Walks from every workload that is bound by a dependency by the shares of its threads' time. */
export function walkAll(
  workloads: RoundInput['workloads'],
  assessments: ReadonlyMap<WorkloadKey, Assessment>,
  now: number,
): Walks {
  const dependencies = new Dependencies(workloads, assessments, now);
  const walks = new Map<WorkloadKey, Walk>();
  const waiters = new Map<WorkloadKey, WorkloadKey[]>();
  for (const [key, { classification }] of assessments) {
    const { step } = classification;
    // What a harmed workload waits for is known from its judgement.
    if (step?.action !== 'follow' || !step.when) continue;
    const { rule, samples } = workloads.get(key)!;
    const walked = walk({ key, rule: rule!, samples }, dependencies, step.maxHops);
    walks.set(key, walked);
    if (walked.explained) continue;
    for (const peer of walked.waitedOn) getOrCompute(waiters, peer, () => []).push(key);
  }
  return { walks, waiters };
}

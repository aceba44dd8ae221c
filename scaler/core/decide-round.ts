import { getOrCompute } from '../../common/once.js';
import { assess, type Assessment } from './assess.js';
import { conclude } from './conclude.js';
import type { Decision, ExplainedDecision } from './decision.js';
import { Dependencies } from './dependencies.js';
import { explain } from './explain.js';
import {
  workloadKey,
  type History,
  type RoundInput,
  type Rule,
  type Samples,
  type WorkloadKey,
} from './types.js';
import { walk, type Walk } from './walk.js';

/**
 * Decides how many replicas each target should have: assesses every workload by its own signals, walks the
 * dependencies of those that wait, then concludes for each target.
 *
 * Pure: the same arguments give the same decisions, and nothing is mutated. A thousand workloads that all wait on each
 * other cost a tenth of a second.
 *
 * @param now seconds since the epoch
 */
export function decideRound(
  { workloads, targets }: RoundInput,
  now: number,
): ReadonlyMap<WorkloadKey, Decision> {
  const assessments = assessAll(workloads, now);
  const { walks, waiters } = walkAll(workloads, assessments, now);
  const decisions = new Map<WorkloadKey, Decision>();
  for (const key of targets) {
    const { rule, samples, history } = workloads.get(key)!;
    const workload = {
      rule: rule!,
      samples,
      assessment: assessments.get(key)!,
      walk: walks.get(key),
      waiters: waiters.get(key) ?? [],
      history,
    };
    decisions.set(key, conclude(workload, now));
  }
  return decisions;
}

/** Puts a decision into words. A replay of the past makes millions of decisions and reads the words of few. */
export function explained(rule: Rule, decision: Decision): ExplainedDecision {
  const { class: workloadClass, action, trace } = decision;
  const { reason, wouldChange } = explain(rule, { class: workloadClass, action, ...trace });
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
  now: number,
): ReadonlyMap<WorkloadKey, Assessment> {
  const assessments = new Map<WorkloadKey, Assessment>();
  for (const [key, { rule, samples, history }] of workloads) {
    if (rule) assessments.set(key, assess(rule, samples, history, now));
  }
  return assessments;
}

export interface Walks {
  /** Walks of the workloads that are bound by a dependency. */
  readonly walks: ReadonlyMap<WorkloadKey, Walk>;
  /** By workload: those that wait on it without an explanation. */
  readonly waiters: ReadonlyMap<WorkloadKey, readonly WorkloadKey[]>;
}

/** Walks from every workload that is bound by a dependency. */
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
    if (step?.action !== 'follow') continue;
    const { rule, samples } = workloads.get(key)!;
    const walked = walk({ key, rule: rule!, samples }, dependencies, step.maxHops);
    walks.set(key, walked);
    if (walked.explained) continue;
    for (const peer of walked.waitedOn) getOrCompute(waiters, peer, () => []).push(key);
  }
  return { walks, waiters };
}

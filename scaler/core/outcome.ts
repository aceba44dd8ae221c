import type { BindingConstraint, StagesTrace } from './decision.js';
import { fallBack, type Absence } from './fallback.js';
import { recommend } from './history.js';
import type { History } from './round.js';
import type { Rule } from './types.js';

/** Result of the stages: size → tolerance → floor → stabilize → limit the rate → clamp. */
export interface Outcome {
  readonly stages: StagesTrace;
  readonly bindingConstraint: BindingConstraint;
  /** Before a change of replicas is recorded. */
  readonly history: History;
}

/** The replicas stay, unless a fallback raises them: a full window passes before they go down again. */
export function withoutSizing(
  rule: Rule,
  current: number,
  absence: Absence | undefined,
  history: History,
  now: number,
): Outcome {
  const replicas = fallBack(rule, absence, current, now);
  if (replicas === undefined) return { stages: allAt(current), bindingConstraint: 'noData', history };
  return {
    stages: { ...allAt(current), clamped: replicas },
    bindingConstraint: 'fallback',
    history: recommend(history, rule.behavior, { replicas, at: now }),
  };
}

/** A workload that the rule has put to sleep: it sleeps on with the given replicas, or wakes without. */
export function sleepOrWake(
  { minReplicas, behavior }: Rule,
  current: number,
  replicas: number | undefined,
  history: History,
  now: number,
): Outcome {
  if (replicas !== undefined) return { stages: allAt(current), bindingConstraint: 'idle', history };
  return {
    stages: { ...allAt(current), clamped: minReplicas },
    bindingConstraint: 'activation',
    history: recommend(history, behavior, { replicas: minReplicas, at: now }),
  };
}

/** A workload that demand leaves at minReplicas goes to sleep. */
export function sleepFrom(
  outcome: Outcome,
  { minReplicas }: Rule,
  current: number,
  replicas: number,
): Outcome {
  if (current !== minReplicas || outcome.stages.clamped !== minReplicas) return outcome;
  return { ...outcome, stages: { ...outcome.stages, clamped: replicas }, bindingConstraint: 'idle' };
}

export function allAt(replicas: number): StagesTrace {
  return {
    raw: replicas,
    tolerance: replicas,
    floor: replicas,
    stabilized: replicas,
    rateLimited: replicas,
    clamped: replicas,
  };
}

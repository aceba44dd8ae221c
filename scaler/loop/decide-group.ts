import { conclude, inWords } from '../core/decide.js';
import type { Conclusion, Decision, Neighbour, Samples, WorkloadKey } from '../core/types.js';
import { surveyWaiters } from '../core/waiters.js';
import { assemble, type Surroundings } from './assemble.js';
import type { Assignment } from './assignments.js';
import type { Histories } from './histories.js';
import type { SignalTables } from './signal-table.js';

/** All that is known in one round of a group. */
export interface Scene {
  /** Of every group: the walk ends at workloads that no rule assignments. */
  readonly assignments: ReadonlyMap<WorkloadKey, Assignment>;
  readonly tables: SignalTables;
  readonly surroundings: Surroundings;
  readonly histories: Histories;
  /** Whether a workload's replicas are known; nothing is decided on one whose are not. */
  readonly known: (workload: WorkloadKey) => boolean;
  /** Seconds since the epoch. */
  readonly now: number;
}

/**
 * Decides on the workloads of a group from what is known in one round; changes nothing. The live loop, the rule
 * tests and the backtest all decide here.
 */
export function decideGroup(
  own: readonly Assignment[],
  scene: Scene,
): { assignment: Assignment; decision: Decision }[] {
  return concludeGroup(own, scene).map(({ assignment, conclusion }) => ({
    assignment,
    decision: inWords(assignment.rule, conclusion),
  }));
}

/** `decideGroup` but for the words. */
export function concludeGroup(
  own: readonly Assignment[],
  scene: Scene,
): { assignment: Assignment; conclusion: Conclusion }[] {
  const { assignments, tables, surroundings, histories, known, now } = scene;
  const neighbourhood = new Map<WorkloadKey, Neighbour>();
  for (const [key, samples] of assemble(tables, surroundings, assignments.keys())) {
    const rule = assignments.get(key)?.rule;
    neighbourhood.set(key, { rule, samples, history: histories.get(key, rule) });
  }
  const { assessments, walks, waitedOnBy } = surveyWaiters(neighbourhood, now);
  return own.flatMap((assignment) => {
    const neighbour = neighbourhood.get(assignment.key);
    if (!neighbour || !known(assignment.key)) return [];
    // Field by field: to copy with `...` takes as long as to decide, and the past has millions of these.
    const { replicas, signals, podSignals, pods, edges } = neighbour.samples;
    const samples: Samples = {
      replicas,
      signals,
      podSignals,
      pods,
      edges,
      neighbourhood,
      assessment: assessments.get(assignment.key),
      walk: walks.get(assignment.key),
      waitedOnBy: waitedOnBy.get(assignment.key) ?? [],
    };
    return [{ assignment, conclusion: conclude(assignment.rule, samples, neighbour.history, now) }];
  });
}

import { conclude, inWords } from '../core/decide.js';
import type { Conclusion, Decision, Neighbour, Samples, WorkloadKey } from '../core/types.js';
import { surveyWaiters } from '../core/waiters.js';
import { assemble, type Surroundings } from './assemble.js';
import type { Claim } from './claims.js';
import type { Histories } from './histories.js';
import type { SignalTables } from './signal-table.js';

/** All that is known in one round of a group. */
export interface Scene {
  /** Of every group: the walk ends at workloads that no rule claims. */
  readonly claims: ReadonlyMap<WorkloadKey, Claim>;
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
export function decideGroup(own: readonly Claim[], scene: Scene): { claim: Claim; decision: Decision }[] {
  return concludeGroup(own, scene).map(({ claim, conclusion }) => ({
    claim,
    decision: inWords(claim.rule, conclusion),
  }));
}

/** `decideGroup` but for the words. */
export function concludeGroup(
  own: readonly Claim[],
  scene: Scene,
): { claim: Claim; conclusion: Conclusion }[] {
  const { claims, tables, surroundings, histories, known, now } = scene;
  const neighbourhood = new Map<WorkloadKey, Neighbour>();
  for (const [key, samples] of assemble(tables, surroundings, claims.keys())) {
    const rule = claims.get(key)?.rule;
    neighbourhood.set(key, { rule, samples, history: histories.get(key, rule) });
  }
  const { assessments, walks, waitedOnBy } = surveyWaiters(neighbourhood, now);
  return own.flatMap((claim) => {
    const neighbour = neighbourhood.get(claim.key);
    if (!neighbour || !known(claim.key)) return [];
    // Field by field: to copy with `...` takes as long as to decide, and the past has millions of these.
    const { replicas, signals, podSignals, pods, edges } = neighbour.samples;
    const samples: Samples = {
      replicas,
      signals,
      podSignals,
      pods,
      edges,
      neighbourhood,
      assessment: assessments.get(claim.key),
      walk: walks.get(claim.key),
      waitedOnBy: waitedOnBy.get(claim.key) ?? [],
    };
    return [{ claim, conclusion: conclude(claim.rule, samples, neighbour.history, now) }];
  });
}

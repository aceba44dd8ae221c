import { decide } from '../core/decide.js';
import type { Decision, Neighbour, WorkloadKey } from '../core/types.js';
import { findWaiters } from '../core/waiters.js';
import type { ClusterView } from '../kubernetes/cluster.js';
import type { ScaleClient } from '../kubernetes/scale.js';
import type { Topology } from '../kubernetes/topology.js';
import type { RuleGroup } from '../rules/types.js';
import { ask, type Query } from './ask.js';
import { assemble, type Answers } from './assemble.js';
import type { Claim } from './claims.js';
import type { Histories } from './histories.js';
import type { DecisionRecords } from './records.js';
import { isGone, readReplicas, type Replicas } from './replicas.js';

export interface RoundSources {
  readonly query: Query;
  readonly cluster: Pick<ClusterView, 'workloads' | 'synced'> & {
    topology(): Pick<Topology, 'resolve'>;
  };
  readonly scales: Pick<ScaleClient, 'get'>;
  readonly histories: Histories;
  readonly records: DecisionRecords;
  /** Seconds since the epoch. */
  readonly clock: () => number;
  /** Queries are evaluated this many seconds ago, so that the newest scrapes are in for all of them. */
  readonly queryOffset: number;
}

/** A decision that is still to be acted on. */
export interface Decided {
  readonly claim: Claim;
  /** Of the workload's object. */
  readonly uid: string;
  readonly decision: Decision;
}

export interface RoundResult {
  readonly decisions: readonly Decided[];
  /** One sentence for each thing that keeps the group from seeing all it should. */
  readonly problems: readonly string[];
  /** Workloads of the group that do not exist. */
  readonly gone: ReadonlySet<WorkloadKey>;
}

/** One round of a group: asks for everything once, then decides on each of its workloads; changes nothing. */
export async function runRound(
  group: RuleGroup,
  claims: ReadonlyMap<WorkloadKey, Claim>,
  sources: RoundSources,
): Promise<RoundResult> {
  const own = [...claims.values()].filter((claim) => claim.group === group);
  const expressions = Object.fromEntries(
    Object.entries(group.signals).map(([signal, { expr }]) => [signal, expr]),
  );
  const [answers, replicas] = await Promise.all([
    ask(sources.query, expressions, sources.clock() - sources.queryOffset),
    readReplicas(
      sources.cluster,
      sources.scales,
      own.map(({ rule }) => rule.scaleTargetRef),
    ),
  ]);
  const now = sources.clock();
  const neighbourhood = surroundings(claims, answers, replicas, sources);
  const waiters = findWaiters(neighbourhood, now);
  const decisions = own.flatMap((claim) => {
    const { key, rule } = claim;
    const known = replicas.known.get(key);
    const neighbour = neighbourhood.get(key);
    if (!known || !neighbour) return [];
    const samples = { ...neighbour.samples, neighbourhood, waitedOnBy: waiters.get(key) ?? [] };
    return [{ claim, uid: known.uid, decision: decide(rule, samples, neighbour.history, now) }];
  });
  const gone = [...replicas.unknown].filter(([, error]) => isGone(error)).map(([key]) => key);
  return { decisions, problems: problemsOf(answers, replicas), gone: new Set(gone) };
}

function surroundings(
  claims: ReadonlyMap<WorkloadKey, Claim>,
  answers: Answers,
  replicas: Replicas,
  { cluster, histories, records }: RoundSources,
): Map<WorkloadKey, Neighbour> {
  const topology = cluster.synced ? cluster.topology() : undefined;
  const lastKnown = new Map(records.list().map((record) => [record.trace.workload, record.currentReplicas]));
  const assembled = assemble(
    answers,
    {
      resolve: topology && ((peer) => topology.resolve(peer)),
      replicas: (key) => replicas.known.get(key)?.replicas ?? lastKnown.get(key),
    },
    claims.keys(),
  );
  const neighbourhood = new Map<WorkloadKey, Neighbour>();
  for (const [key, samples] of assembled) {
    const rule = claims.get(key)?.rule;
    const history = histories.get(key, rule);
    neighbourhood.set(key, { ...(rule && { rule }), samples, history });
  }
  return neighbourhood;
}

function problemsOf({ signals }: Answers, { unknown }: Replicas): string[] {
  const failures = new Map<string, string[]>();
  for (const [signal, { result, freshness }] of signals) {
    for (const answer of [result, ...freshness]) {
      if (answer.ok) continue;
      const failed = failures.get(answer.message) ?? [];
      if (!failed.includes(signal)) failures.set(answer.message, [...failed, signal]);
    }
  }
  return [
    ...[...failures].map(([message, failed]) => `no value for ${failed.join(', ')}: ${message}`),
    ...[...unknown.values()].map(({ message }) => message),
  ];
}

import type { Decision, WorkloadKey } from '../core/types.js';
import type { ClusterView } from '../kubernetes/cluster.js';
import type { ScaleClient } from '../kubernetes/scale.js';
import type { Topology } from '../kubernetes/topology.js';
import type { RuleGroup } from '../rules/types.js';
import { ask, type Query } from './ask.js';
import type { Answers } from './answers.js';
import type { Assignment } from './assignments.js';
import { decideGroup } from './decide-group.js';
import type { Histories } from './histories.js';
import type { DecisionRecords } from './records.js';
import { isGone, readReplicas, type Replicas } from './replicas.js';
import { tabulate, type SignalTable, type SignalTables } from './signal-table.js';

/** No signal of a rule file can end like this. */
const BY_POD = ' by pod';

export interface RoundSources {
  readonly query: Query;
  readonly cluster: Pick<ClusterView, 'workloads' | 'synced'> & {
    topology(): Pick<Topology, 'resolve'>;
    /** Absent where nothing is known about pods: in tests of rules. */
    pods?: ClusterView['pods'];
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
  readonly assignment: Assignment;
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
  assignments: ReadonlyMap<WorkloadKey, Assignment>,
  sources: RoundSources,
): Promise<RoundResult> {
  const own = [...assignments.values()].filter((assignment) => assignment.group === group);
  const [answers, replicas] = await Promise.all([
    ask(sources.query, expressionsOf(group, sources), sources.clock() - sources.queryOffset),
    readReplicas(
      sources.cluster,
      sources.scales,
      own.map(({ rule }) => rule.scaleTargetRef),
    ),
  ]);
  const { cluster, histories, records } = sources;
  const topology = cluster.synced ? cluster.topology() : undefined;
  const pods = cluster.synced ? cluster.pods?.() : undefined;
  const { tables, podTables } = split(tabulate(answers));
  const lastKnown = new Map(records.list().map((record) => [record.trace.workload, record.currentReplicas]));
  const decisions = decideGroup(own, {
    assignments,
    tables,
    surroundings: {
      resolve: topology && ((peer) => topology.resolve(peer)),
      replicas: (key) => replicas.known.get(key)?.replicas ?? lastKnown.get(key),
      pods: pods && { of: (key) => pods.get(key) ?? [], signals: podTables },
    },
    histories,
    known: (key) => replicas.known.has(key),
    now: sources.clock(),
  }).map(({ assignment, decision }) => ({
    assignment,
    decision,
    uid: replicas.known.get(assignment.key)!.uid,
  }));
  const gone = [...replicas.unknown].filter(([, error]) => isGone(error)).map(([key]) => key);
  return { decisions, problems: problemsOf(answers, replicas), gone: new Set(gone) };
}

/** All that a group asks for, by the names under which what is not answered is reported. */
function expressionsOf(
  { signals, podSignals }: RuleGroup,
  { cluster }: RoundSources,
): Record<string, string> {
  const byPod = cluster.pods ? Object.entries(podSignals) : [];
  return Object.fromEntries([
    ...Object.entries(signals).map(([signal, { expr }]) => [signal, expr]),
    ...byPod.map(([signal, { expr }]) => [`${signal}${BY_POD}`, expr]),
  ]) as Record<string, string>;
}

function split(all: SignalTables): { readonly tables: SignalTables; readonly podTables: SignalTables } {
  const isByPod = ([name]: readonly [string, SignalTable]): boolean => name.endsWith(BY_POD);
  const byPod = [...all].filter(isByPod);
  return {
    tables: new Map([...all].filter((entry) => !isByPod(entry))),
    podTables: new Map(byPod.map(([name, table]) => [name.slice(0, -BY_POD.length), table])),
  };
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

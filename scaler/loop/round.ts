import { getOrCompute } from '../../common/once.js';
import { decideRound, explained } from '../core/decide-round.js';
import type { ExplainedDecision } from '../core/decision.js';
import { recordScaling } from '../core/history.js';
import type { Measures } from '../core/measures.js';
import { isAbsent } from '../core/reading.js';
import type { RoundInput, WorkloadInput } from '../core/round.js';
import type { WorkloadKey } from '../core/types.js';
import type { ClusterView } from '../kubernetes/cluster.js';
import type { ScaleClient } from '../kubernetes/scale.js';
import type { Topology } from '../kubernetes/topology.js';
import type { RuleGroup, SignalQuery } from '../rules/types.js';
import type { Assignment } from './assignments.js';
import type { Histories } from './histories.js';
import type { PastReplicas } from './recall.js';
import { queriesByWorkload } from './own-signals.js';
import { replicasAfter, type DecisionRecords } from './record.js';
import { isGone, readReplicas, type Replicas } from './replicas.js';
import { roundInput } from './round-input.js';
import { querySignals, tabulate, type Query, type QueryResults } from './signals.js';
import { toldSignals } from './told.js';
import { windowTables, type WindowTables } from './windows.js';

export interface RoundSources {
  readonly query: Query;
  readonly cluster: Pick<ClusterView, 'workloads' | 'synced'> & {
    topology(): Pick<Topology, 'resolve'>;
    /** Absent where pods are not known: in rule tests. */
    pods?: ClusterView['pods'];
    /** Those of others; absent where there are none: in rule tests. Nothing is decided while they are not known. */
    autoscalers?: ClusterView['autoscalers'];
    /** Absent where all workloads are known from the start. */
    readonly knowsWorkloads?: boolean;
  };
  readonly scales: Pick<ScaleClient, 'get'>;
  readonly histories: Histories;
  readonly records: DecisionRecords;
  /** Seconds since the epoch. */
  readonly clock: () => number;
  /** Queries are evaluated this many seconds ago, so that the newest scrapes are in for all of them. */
  readonly queryOffset: number;
  /** True if another process has led since the last round: what has changed is its doing. */
  readonly follows?: boolean;
  /** What a process before this one saw. */
  readonly recalled?: () => PastReplicas;
}

/** A decision that is not applied yet. */
export interface Decided {
  readonly assignment: Assignment;
  /** UID of the workload's object. */
  readonly uid: string;
  readonly decision: ExplainedDecision;
  /** What the settled window has of the workload. */
  readonly measured?: Measures | undefined;
}

export interface RoundResult {
  readonly decisions: readonly Decided[];
  /** One sentence for each problem that hides data from the group. */
  readonly problems: readonly string[];
  /** Workloads of the group that do not exist. */
  readonly gone: ReadonlySet<WorkloadKey>;
}

const NO_AUTOSCALERS =
  'nothing is decided until the HorizontalPodAutoscalers are known: the Kubernetes API has not listed them so far';

/** Runs one round of a group: queries everything once, then decides on each of its workloads; changes nothing. */
export async function runRound(
  group: RuleGroup,
  assignments: ReadonlyMap<WorkloadKey, Assignment>,
  sources: RoundSources,
): Promise<RoundResult> {
  const own = [...assignments.values()].filter((assignment) => assignment.group === group);
  // The rows of the queries, the bulk of a round, are gone by the time of the decisions.
  const { input, replicas, problems, now } = await observe(group, own, assignments, sources);
  const decided = decideRound(input, now);
  const decisions = [...decided].map(([key, decision]) => {
    const [assignment, { uid }] = [assignments.get(key)!, replicas.known.get(key)!];
    const made = explained(assignment.rule, decision);
    return { assignment, uid, decision: made, measured: measuresOf(input.workloads.get(key)) };
  });
  const gone = [...replicas.unknown].filter(([, error]) => isGone(error)).map(([key]) => key);
  return { decisions, problems: [...problems, ...own.flatMap(faultsOf)], gone: new Set(gone) };
}

interface Observed {
  readonly input: RoundInput;
  readonly replicas: Replicas;
  readonly problems: readonly string[];
  /** Time of the round, seconds since the epoch. */
  readonly now: number;
}

async function observe(
  group: RuleGroup,
  own: readonly Assignment[],
  assignments: ReadonlyMap<WorkloadKey, Assignment>,
  sources: RoundSources,
): Promise<Observed> {
  const { query, cluster, scales, histories, records, clock, queryOffset } = sources;
  const [results, replicas] = await Promise.all([
    querySignals(query, queriedBy(group, own, cluster), clock() - queryOffset),
    readReplicas(
      cluster,
      scales,
      own.map(({ rule }) => rule.scaleTargetRef),
    ),
  ]);
  const [topology, pods] = cluster.synced ? [cluster.topology(), cluster.pods?.()] : [];
  const autoscalers = cluster.autoscalers ? cluster.autoscalers() : new Map<WorkloadKey, string[]>();
  const lastKnown = new Map(
    Array.from(records.all(), (record) => [record.trace.workload, replicasAfter(record)]),
  );
  const now = clock();
  const windows = windowTables(group, results, now);
  if (sources.follows) followLeader(own, lastKnown, replicas, sources, now);
  const observations = {
    signals: signalsOf(group, results, windows),
    podSignals: tabulate(results.podSignals, results.evaluatedAt),
    windows,
    resolve: topology && ((peer: string) => topology.resolve(peer)),
    replicas: (key: WorkloadKey) => replicas.known.get(key)?.replicas ?? lastKnown.get(key),
    writer: (key: WorkloadKey) => replicas.known.get(key)?.writer,
    autoscalers,
    pods: pods && ((key: WorkloadKey) => pods.get(key) ?? []),
  };
  const targets = autoscalers ? own.map(({ key }) => key).filter((key) => replicas.known.has(key)) : [];
  const input = roundInput(observations, assignments, histories, targets);
  const problems = problemsOf(results, replicas);
  return { input, replicas, problems: autoscalers ? problems : [...problems, NO_AUTOSCALERS], now };
}

function measuresOf(input: WorkloadInput | undefined): Measures | undefined {
  const settled = input?.samples.windows?.settled;
  return settled && !isAbsent(settled) ? settled : undefined;
}

/** The group with what it asks for in this round: of each workload apart, too, and by pod where pods are known. */
function queriedBy(group: RuleGroup, own: readonly Assignment[], cluster: RoundSources['cluster']) {
  const pods = group.own && cluster.synced ? cluster.pods?.() : undefined;
  const apart = queriesByWorkload(own, pods && ((key) => pods.get(key) ?? []));
  const told = ([, { isToldByPods }]: [string, SignalQuery]): boolean => !isToldByPods || !cluster.pods;
  const signals = { ...Object.fromEntries(Object.entries(group.signals).filter(told)), ...apart };
  return { ...group, signals, podSignals: cluster.pods ? group.podSignals : {} };
}

/** What is told by the settled window's rows, and what was queried. */
function signalsOf({ signals }: RuleGroup, results: QueryResults, { settled }: WindowTables) {
  return new Map([...toldSignals(signals, settled.parts), ...tabulate(results.signals, results.evaluatedAt)]);
}

/** The annotations of a workload that cannot be followed. */
function faultsOf({ key, rule }: Assignment): string[] {
  return (rule.restrictions?.faults ?? []).map((fault) => `${key}: ${fault}`);
}

/** Remembers what another process has changed as its successor would its own changes, for the periods of policies. */
function followLeader(
  own: readonly Assignment[],
  lastKnown: ReadonlyMap<WorkloadKey, number>,
  { known }: Replicas,
  { histories, recalled }: RoundSources,
  now: number,
): void {
  for (const { key, rule } of own) {
    const [last, current] = [lastKnown.get(key), known.get(key)?.replicas];
    if (current === undefined) continue;
    const before = histories.get(key, rule);
    const isKnown = last !== undefined || before.recommendations.length > 0;
    const past = isKnown ? [] : (recalled?.().get(key) ?? []);
    let [history, from] = [before, last];
    for (const { at, replicas } of [...past, { at: now, replicas: current }]) {
      history = recordScaling(history, rule.behavior, from ?? replicas, replicas, at);
      from = replicas;
    }
    if (history !== before) histories.set(key, rule, history);
  }
}

/** One sentence for each cause of failed queries, and for each target whose replicas are not known. */
function problemsOf({ signals, podSignals, windows }: QueryResults, { unknown }: Replicas): string[] {
  const named = [
    ...signals,
    ...[...podSignals].map(([signal, found]) => [`${signal} by pod`, found] as const),
    ...[...windows.recent].map(([part, found]) => [`recent ${part}`, found] as const),
    ...[...windows.settled].map(([part, found]) => [part, found] as const),
  ];
  const failures = new Map<string, Set<string>>();
  for (const [name, { result, freshness }] of named) {
    for (const one of [result, ...freshness]) {
      if (!one.ok) getOrCompute(failures, one.message, () => new Set<string>()).add(name);
    }
  }
  return [
    ...[...failures].map(([message, failed]) =>
      failed.size === named.length ? message : `no data for ${[...failed].join(', ')}: ${message}`,
    ),
    ...[...unknown.values()].map(({ message }) => message),
  ];
}

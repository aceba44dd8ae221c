import type { Absent, Edge, Peer, Reading, WorkloadKey, WorkloadSamples } from '../core/types.js';
import { workloadKey } from '../core/types.js';
import type { Endpoint } from '../kubernetes/topology.js';
import type { QueryResult, VectorSample } from '../promql/response.js';
import { firstFailure, freshness, keyOfLabels, type Freshness } from './freshness.js';

const EDGES = 'edges';
/** The peer under which the exporter folds all that exceed its bound. */
const FOLDED_PEERS = 'other';

/** What Prometheus said about one signal in one round. */
export interface SignalAnswer {
  readonly result: QueryResult;
  /** Answers to `freshnessQueries` of the signal's expression. */
  readonly freshness: readonly QueryResult[];
}

export interface Answers {
  readonly signals: ReadonlyMap<string, SignalAnswer>;
  /** Evaluation time of all queries, in seconds since the epoch. */
  readonly evaluatedAt: number;
}

export interface Surroundings {
  /** Who answers at `ip:port`; undefined while that is not known yet. */
  readonly resolve: ((peer: string) => Endpoint | undefined) | undefined;
  /** `spec.replicas`, where it is known. */
  readonly replicas: (workload: WorkloadKey) => number | undefined;
}

interface SignalTable {
  readonly absent?: Absent;
  readonly freshness: Freshness;
  readonly byWorkload: ReadonlyMap<WorkloadKey, readonly VectorSample[]>;
}

/**
 * Turns a round's answers into samples per workload: for every workload that an answer or `targets` names.
 * What was not answered, not scraped or is ambiguous becomes a named absence, never a zero; whether a number
 * may be acted on (its age, NaN) is for the decision to say.
 */
export function assemble(
  answers: Answers,
  surroundings: Surroundings,
  targets: Iterable<WorkloadKey>,
): Map<WorkloadKey, WorkloadSamples> {
  const tables = new Map<string, SignalTable>();
  const workloads = new Set<WorkloadKey>(targets);
  for (const [signal, answer] of answers.signals) {
    const table = tabulate(answer, answers.evaluatedAt);
    tables.set(signal, table);
    for (const workload of table.byWorkload.keys()) workloads.add(workload);
  }
  const edges = tables.get(EDGES);
  tables.delete(EDGES);
  const assembled = new Map<WorkloadKey, WorkloadSamples>();
  for (const workload of workloads) {
    assembled.set(workload, {
      // A workload of a kind that is not watched, and that no rule scales, is only ever looked through.
      replicas: surroundings.replicas(workload) ?? 1,
      signals: Object.fromEntries([...tables].map(([signal, table]) => [signal, reading(table, workload)])),
      edges: edges
        ? edgesOf(edges, workload, surroundings)
        : { absent: 'missing', text: 'the group has no signal named edges' },
    });
  }
  return assembled;
}

function tabulate({ result, freshness: ages }: SignalAnswer, evaluatedAt: number): SignalTable {
  const failure = firstFailure([result, ...ages]);
  if (failure) {
    const absent = failure.failure === 'partial' ? 'partial' : 'error';
    const nothing = freshness([], evaluatedAt);
    return { absent: { absent, text: failure.message }, freshness: nothing, byWorkload: new Map() };
  }
  return {
    freshness: freshness(ages.map(samplesOf), evaluatedAt),
    byWorkload: groupByWorkload(samplesOf(result)),
  };
}

function samplesOf(result: QueryResult): readonly VectorSample[] {
  return result.ok ? result.samples : [];
}

function groupByWorkload(samples: readonly VectorSample[]): Map<WorkloadKey, VectorSample[]> {
  const groups = new Map<WorkloadKey, VectorSample[]>();
  for (const sample of samples) {
    const key = keyOfLabels(sample.labels);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group) group.push(sample);
    else groups.set(key, [sample]);
  }
  return groups;
}

function reading(table: SignalTable, workload: WorkloadKey): Reading {
  if (table.absent) return table.absent;
  const [sample, second] = table.byWorkload.get(workload) ?? [];
  if (!sample) return { absent: 'missing', text: 'no series' };
  if (second) {
    return { absent: 'error', text: 'several series; the expression must aggregate them' };
  }
  return measured(sample.value, table.freshness.of(workload));
}

function measured(value: number, scrapedAt: number | undefined): Reading {
  if (scrapedAt === undefined) {
    return { absent: 'stale', text: 'it is not being scraped any more' };
  }
  return { value, timestamp: scrapedAt };
}

function edgesOf(
  table: SignalTable,
  workload: WorkloadKey,
  { resolve }: Surroundings,
): readonly Edge[] | Absent {
  if (table.absent) return table.absent;
  const scrapedAt = table.freshness.of(workload);
  if (scrapedAt === undefined) {
    return { absent: 'stale', text: 'it is not being scraped' };
  }
  const samples = table.byWorkload.get(workload) ?? [];
  return samples.map(({ labels, value }) => {
    const peer = labels['peer'] ?? '';
    return { peer, to: peerOf(peer, resolve), wait: measured(value, scrapedAt) };
  });
}

function peerOf(peer: string, resolve: Surroundings['resolve']): Peer {
  if (peer === FOLDED_PEERS) {
    return { type: 'unresolved', text: 'peers beyond the bound of the exporter, counted together' };
  }
  if (!resolve) return { type: 'unresolved', text: 'the Services of the cluster are not known yet' };
  const endpoint = resolve(peer);
  if (!endpoint) return { type: 'external' };
  const [workload, second] = endpoint.workloads;
  const name = endpoint.service ? `Service ${endpoint.service}` : peer;
  if (!workload) return { type: 'unresolved', text: `${name} has no pods` };
  if (second) return { type: 'unresolved', text: `${name} has pods of several workloads` };
  return { type: 'workload', workload: workloadKey(workload) };
}

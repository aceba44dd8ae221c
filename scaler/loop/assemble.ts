import type { Absent, Edge, Peer, Pod, Reading, WorkloadKey, WorkloadSamples } from '../core/types.js';
import { workloadKey } from '../core/types.js';
import type { Endpoint } from '../kubernetes/topology.js';
import type { SignalSample, SignalTable, SignalTables } from './signal-table.js';

const EDGES = 'edges';
/** The peer under which the exporter folds all that exceed its bound. */
const FOLDED_PEERS = 'other';

export interface Surroundings {
  /** Who answers at `ip:port`; undefined while that is not known yet. */
  readonly resolve: ((peer: string) => Endpoint | undefined) | undefined;
  /** `spec.replicas`, where it is known. */
  readonly replicas: (workload: WorkloadKey) => number | undefined;
  /** Undefined where it is not known who the pods are. */
  readonly pods?: PodSurroundings | undefined;
}

export interface PodSurroundings {
  readonly of: (workload: WorkloadKey) => readonly Pod[];
  /** What is asked for by pod, in addition to the sums. */
  readonly signals: SignalTables;
}

/**
 * Turns a round's signals into samples per workload: for every workload that a signal or `targets` names.
 * What was not answered, not scraped or is ambiguous becomes a named absence, never a zero; whether a number
 * may be acted on (its age, NaN) is for the decision to say.
 */
export function assemble(
  signals: SignalTables,
  surroundings: Surroundings,
  targets: Iterable<WorkloadKey>,
): Map<WorkloadKey, WorkloadSamples> {
  const tables = new Map(signals);
  const workloads = new Set<WorkloadKey>(targets);
  for (const table of tables.values()) for (const workload of table.workloads()) workloads.add(workload);
  const edges = tables.get(EDGES);
  tables.delete(EDGES);
  const assembled = new Map<WorkloadKey, WorkloadSamples>();
  for (const workload of workloads) {
    assembled.set(workload, {
      // A workload of a kind that is not watched, and that no rule scales, is only ever looked through.
      replicas: surroundings.replicas(workload) ?? 1,
      signals: readings(tables, workload),
      ...podsOf(workload, tables, surroundings),
      edges: edges
        ? edgesOf(edges, workload, surroundings)
        : { absent: 'missing', text: 'the group has no signal named edges' },
    });
  }
  return assembled;
}

function readings(tables: SignalTables, workload: WorkloadKey): Record<string, Reading> {
  const signals: Record<string, Reading> = {};
  for (const [signal, table] of tables) signals[signal] = reading(table, workload);
  return signals;
}

function reading(table: SignalTable, workload: WorkloadKey): Reading {
  if (table.absent) return table.absent;
  const samples = table.samples(workload);
  const [only] = samples;
  if (!only) return noSeries(table);
  if (samples.length === 1) return measured(only.value, table.scrapedAt(workload));
  if (!byPod(samples)) {
    return {
      absent: 'error',
      text: 'several series; the expression must aggregate them, or keep the label pod',
    };
  }
  const total = samples.reduce((sum, { value }) => sum + value, 0);
  return measured(total, table.scrapedAt(workload));
}

function noSeries({ unnamed = 0 }: SignalTable): Absent {
  const lacking = `; ${unnamed} of the answer lack namespace, workload or workload_kind`;
  return { absent: 'missing', text: `no series${unnamed > 0 ? lacking : ''}` };
}

/** The pods of a workload, and the signals that are measured by pod. */
function podsOf(
  workload: WorkloadKey,
  tables: SignalTables,
  { pods }: Surroundings,
): Pick<WorkloadSamples, 'pods' | 'podSignals'> {
  if (!pods) return {};
  const podSignals: Record<string, ReadonlyMap<string, number> | Absent> = {};
  for (const [signal, table] of tables) {
    const values = valuesByPod(table, workload);
    if (values) podSignals[signal] = values;
  }
  for (const [signal, table] of pods.signals) {
    podSignals[signal] = valuesByPod(table, workload) ?? table.absent ?? noSeries(table);
  }
  return { pods: pods.of(workload), podSignals };
}

function valuesByPod(table: SignalTable, workload: WorkloadKey): ReadonlyMap<string, number> | undefined {
  const samples = table.samples(workload);
  return byPod(samples) ? new Map(samples.map(({ pod = '', value }) => [pod, value])) : undefined;
}

/** Whether there is one sample for each of some pods. */
function byPod(samples: readonly SignalSample[]): boolean {
  const names = new Set(samples.map(({ pod }) => pod));
  return samples.length > 0 && !names.has(undefined) && names.size === samples.length;
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
  const scrapedAt = table.scrapedAt(workload);
  if (scrapedAt === undefined) {
    return { absent: 'stale', text: 'it is not being scraped' };
  }
  return table
    .samples(workload)
    .map(({ peer, value }) => ({ peer, to: peerOf(peer, resolve), wait: measured(value, scrapedAt) }));
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

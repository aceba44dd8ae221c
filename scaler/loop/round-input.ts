import { oncePer } from '../../common/once.js';
import { isCountable } from '../../common/quantity.js';
import type { Writer } from '../core/other-writers.js';
import type { Edge, PodReadings, RoundInput, Samples, WorkloadInput } from '../core/round.js';
import { parseKey, type Absent, type Pod, type Reading, type WorkloadKey } from '../core/types.js';
import type { Assignment } from './assignments.js';
import type { Histories } from './histories.js';
import { commonTables, ownTables } from './own-signals.js';
import { peerOf, type Resolve } from './peers.js';
import type { SignalSample, SignalTable, SignalTables } from './signals.js';
import { windowsOf, type WindowTables } from './windows.js';

const EDGES = 'edges';

/** Everything that is observed for one round of a group. */
export interface Observations {
  readonly signals: SignalTables;
  /** Signals queried by pod, in addition to their sums in `signals`. */
  readonly podSignals?: SignalTables;
  /** Undefined where no windows are queried. */
  readonly windows?: WindowTables | undefined;
  /** Undefined while the Services of the cluster are not known. */
  readonly resolve: Resolve | undefined;
  /** Returns `spec.replicas`, where known. */
  readonly replicas: (workload: WorkloadKey) => number | undefined;
  readonly writer?: (workload: WorkloadKey) => Writer | undefined;
  readonly autoscalers?: ReadonlyMap<WorkloadKey, readonly string[]> | undefined;
  /** Undefined while the pods of the cluster are not known. */
  readonly pods?: ((workload: WorkloadKey) => readonly Pod[]) | undefined;
}

/**
 * The input of a round: samples and history of every workload that a signal or a rule names.
 *
 * @param assignments of every group: a walk leads across groups
 */
export function roundInput(
  observations: Observations,
  assignments: ReadonlyMap<WorkloadKey, Assignment>,
  histories: Histories,
  targets: readonly WorkloadKey[],
): RoundInput {
  const workloads = new Map<WorkloadKey, WorkloadInput>();
  const ownOf = (key: WorkloadKey): SignalTables | undefined => {
    const assignment = assignments.get(key);
    return assignment && ownTables(observations.signals, assignment);
  };
  for (const [key, samples] of samplesByWorkload(observations, assignments.keys(), ownOf)) {
    const rule = assignments.get(key)?.rule;
    workloads.set(key, { rule, samples, history: histories.get(key, rule) });
  }
  return { workloads, targets };
}

/**
 * Groups a round's observations by workload, for every workload that a signal or `named` names. A value without a
 * result, without a scrape or with several series is a named absence, never a zero; its age and quantity are checked
 * where it is read.
 *
 * @param ownOf tables of the signals that only the rule of a workload has
 */
export function samplesByWorkload(
  observations: Observations,
  named: Iterable<WorkloadKey>,
  ownOf?: (workload: WorkloadKey) => SignalTables | undefined,
): Map<WorkloadKey, Samples> {
  const tables = new Map(commonTables(observations.signals));
  const workloads = new Set<WorkloadKey>(named);
  for (const table of tables.values()) for (const workload of table.workloads()) workloads.add(workload);
  const edges = tables.get(EDGES);
  tables.delete(EDGES);
  const samples = new Map<WorkloadKey, Samples>();
  for (const workload of workloads) {
    const own = ownOf?.(workload);
    const readable = own ? new Map([...tables, ...own]) : tables;
    samples.set(workload, {
      // A workload of an unwatched kind that no rule scales is only walked through.
      replicas: observations.replicas(workload) ?? 1,
      signals: readings(readable, workload),
      ...podsOf(workload, readable, observations),
      ...windowsIn(observations, workload),
      ...othersIn(observations, workload),
      edges: edges
        ? edgesOf(edges, workload, observations)
        : { absent: 'missing', text: 'the group has no signal edges' },
    });
  }
  return samples;
}

function windowsIn({ windows, resolve }: Observations, workload: WorkloadKey): Pick<Samples, 'windows'> {
  const found = windows && windowsOf(windows, workload, resolve);
  return found ? { windows: found } : {};
}

function othersIn(
  { writer, autoscalers }: Observations,
  workload: WorkloadKey,
): Pick<Samples, 'writer' | 'autoscalers'> {
  const [by, found] = [writer?.(workload), autoscalers?.get(workload)];
  return { ...(by && { writer: by }), ...(found && { autoscalers: found }) };
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
  if (!only) return noSeries(table, workload);
  if (samples.length === 1) return measured(only.value, table.scrapedAt(workload));
  if (!isByPod(samples)) {
    return {
      absent: 'error',
      text: 'several series; aggregate them in the expression or keep the label pod',
    };
  }
  const odd = samples.find(({ value }) => !isCountable(value));
  const usable = odd ? samples.filter(({ value }) => isCountable(value)) : samples;
  const total = usable.reduce((sum, { value }) => sum + value, 0);
  const sum = measured(total, table.scrapedAt(workload));
  return odd ? { ...sum, lacking: `value of pod ${odd.pod} is ${odd.value}` } : sum;
}

function noSeries(table: SignalTable, workload: WorkloadKey): Absent {
  const { unnamed = 0 } = table;
  const lacking = unnamed > 0 ? `; ${unnamed} returned without namespace, workload or workload_kind` : '';
  const elsewhere = namespaces(table).get(kindAndName(workload));
  // Prometheus renames labels that the target has, too: the series are then by the exporter's namespace.
  const renamed =
    elsewhere === undefined
      ? ''
      : `, but some in namespace ${elsewhere}; if that is the exporter's, its scrape job needs honor_labels: true`;
  return { absent: 'missing', text: `no series${renamed}${lacking}` };
}

/** One namespace of the workloads of each kind and name that have a value. */
const namespaces = oncePer((table: SignalTable) => {
  const keys = [...table.workloads()];
  return new Map(keys.map((key) => [kindAndName(key), parseKey(key)?.namespace]));
});

function kindAndName(workload: WorkloadKey): string {
  return workload.slice(workload.indexOf('/') + 1);
}

/** The pods of a workload, and its signals by pod. */
function podsOf(
  workload: WorkloadKey,
  tables: SignalTables,
  { pods, podSignals = new Map() }: Observations,
): Pick<Samples, 'pods' | 'podSignals' | 'template'> {
  if (!pods) return {};
  const readings: Record<string, PodReadings> = {};
  for (const [signal, table] of tables) {
    const values = valuesByPod(table, workload);
    if (values) readings[signal] = values;
  }
  for (const [signal, table] of podSignals) {
    readings[signal] = valuesByPod(table, workload) ?? table.absent ?? noSeries(table, workload);
  }
  const own = pods(workload);
  const template = templateOf(own);
  return { pods: own, podSignals: readings, ...(template !== undefined && { template }) };
}

/** The template that all pods run; undefined while they run several, and where it is not known of one. */
function templateOf([first, ...others]: readonly Pod[]): string | undefined {
  return others.every(({ template }) => template === first?.template) ? first?.template : undefined;
}

function valuesByPod(table: SignalTable, workload: WorkloadKey): ReadonlyMap<string, number> | undefined {
  const samples = table.samples(workload);
  if (!isByPod(samples)) return undefined;
  // A pod whose value is no quantity has none.
  return new Map(
    samples.filter(({ value }) => isCountable(value)).map(({ pod = '', value }) => [pod, value]),
  );
}

/** True if every sample is of another pod. */
function isByPod(samples: readonly SignalSample[]): boolean {
  const names = new Set(samples.map(({ pod }) => pod));
  return samples.length > 0 && !names.has(undefined) && names.size === samples.length;
}

function measured(value: number, scrapedAt: number | Absent): Reading {
  return typeof scrapedAt === 'number' ? { value, timestamp: scrapedAt } : scrapedAt;
}

function edgesOf(
  table: SignalTable,
  workload: WorkloadKey,
  { resolve }: Observations,
): readonly Edge[] | Absent {
  if (table.absent) return table.absent;
  const scrapedAt = table.scrapedAt(workload);
  if (typeof scrapedAt !== 'number') return scrapedAt;
  return table
    .samples(workload)
    .map(({ peer, value }) => ({ peer, to: peerOf(peer, resolve), wait: measured(value, scrapedAt) }));
}

import type { Measures, ThreadState } from '../core/measures.js';
import type { WorkloadKey } from '../core/types.js';
import { OUTCOME_TEXTS, replicasAfter, type DecisionRecord } from '../loop/record.js';
import { FIELDS, STATES, type RowValue, type WaitEdge, type WorkloadRow } from './row.js';

const SPAN = 3600;
/** Changes of replicas that a sparkline shows. */
const MAX_STEPS = 12;
/** Peers of a workload in the graph, those that it waits on most. */
const MAX_PEERS = 8;

/** Values of `FIELDS`, for a decision of the last round. @param before the workload's last row; empty without one */
export function rowOf(
  record: DecisionRecord,
  measured: Measures | undefined,
  before: readonly RowValue[],
): RowValue[] {
  const { namespace, workloadKind: kind, workload: name, group, scale: rule, reason, outcome } = record;
  const replicas = replicasAfter(record);
  const steps = (before[FIELDS.indexOf('steps')] ?? []) as readonly number[];
  const row: WorkloadRow = {
    ...{ namespace, kind, name, group, rule, replicas, reason },
    wanted: record.replicas,
    min: record.minReplicas,
    max: record.maxReplicas,
    class: record.class,
    harm: harmOf(record),
    mode: record.trace.yields?.to ?? (record.dryRun ? 'shadow' : ''),
    at: 0,
    outcome: OUTCOME_TEXTS[outcome] && outcome !== 'applied' ? OUTCOME_TEXTS[outcome] : '',
    states: measured ? percentages(measured) : [],
    steps: steps.at(-1) === replicas ? steps : nextSteps(steps, record),
  };
  return FIELDS.map((field) => row[field]);
}

function harmOf({ trace: { harm } }: DecisionRecord): string {
  if (harm?.harmed) return harm.cause ?? 'harmed';
  return harm && harm.signs.length > 0 && !harm.intended ? 'signs' : '';
}

function nextSteps(steps: readonly number[], record: DecisionRecord): number[] {
  const { at, currentReplicas } = record;
  const time = Math.round(at);
  const next = [...(steps.length === 0 ? [time, currentReplicas] : steps)];
  if (next.at(-1) !== replicasAfter(record)) next.push(time, replicasAfter(record));
  // The last change before the hour is where the line begins.
  while (next.length > 2 && (next[2]! < at - SPAN || next.length > 2 * MAX_STEPS)) next.splice(0, 2);
  return next;
}

function percentages({ states }: Measures): number[] {
  const shares = sharesOf(states);
  return shares.some(Number.isNaN) ? [] : shares.map((share) => Math.round(share * 100));
}

/** Shares of busy thread time, in the order of `STATES`; NaN where there is none. */
function sharesOf(rates: Readonly<Partial<Record<ThreadState, number>>>): number[] {
  const times = STATES.map((state) => rates[state] ?? 0);
  const total = times.reduce((sum, time) => sum + time, 0);
  return times.map((time) => time / total);
}

/** Figures of `POINT`; NaN where one is not known. */
export function pointOf(record: DecisionRecord, measured: Measures | undefined): number[] {
  const { at, replicas: wanted, trace } = record;
  const { demand, sizing, harm } = trace;
  const load = demand?.cores ?? sizing?.demand ?? NaN;
  const figures = [
    ...[at, replicasAfter(record), wanted, load],
    sizing?.targetPerPod === undefined ? NaN : sizing.targetPerPod * record.currentReplicas,
    ...[demand?.arrived, demand?.answered, measured?.requests?.outstanding],
    ...[harm?.latency?.now, harm?.latency?.usual],
  ];
  return [...figures.map((figure) => figure ?? NaN), ...sharesOf(measured?.states ?? {})];
}

/** The peers that a workload waits on most. */
export function edgesOf(from: WorkloadKey, measured: Measures | undefined): WaitEdge[] {
  const edges = (measured?.calls ?? []).map(({ peer, to, waited, outstanding, sent }) => ({
    from,
    to: to.type === 'workload' ? to.workload : peer,
    waiting: Math.max(waited, outstanding),
    sent,
  }));
  return edges.sort((a, b) => b.waiting - a.waiting).slice(0, MAX_PEERS);
}

import type { Absent, WorkloadKey } from '../core/types.js';
import type { QueryResult } from '../promql/response.js';
import type { Answers, SignalAnswer } from './answers.js';
import { firstFailure, freshness, keyOfLabels } from './freshness.js';

/** One value of a signal. */
export interface SignalSample {
  /** `ip:port` of the peer, where the signal is by peer. */
  readonly peer: string;
  /** Name of the pod, where the signal is by pod. */
  readonly pod?: string;
  readonly value: number;
}

/** The values of one signal in one round, by workload. */
export interface SignalTable {
  /** Why there are none at all. */
  readonly absent?: Absent;
  /** How many series of the answer do not say which workload they are about. */
  readonly unnamed?: number;
  /** The workloads that have a value. */
  readonly workloads: () => Iterable<WorkloadKey>;
  readonly samples: (workload: WorkloadKey) => readonly SignalSample[];
  /** When a workload's data was scraped, in seconds since the epoch; undefined when it is scraped no more. */
  readonly scrapedAt: (workload: WorkloadKey) => number | undefined;
}

export type SignalTables = ReadonlyMap<string, SignalTable>;

/** A signal without values. */
export function absentTable(absent: Absent): SignalTable {
  return { absent, workloads: () => [], samples: () => [], scrapedAt: () => undefined };
}

/** Sorts a round's answers by workload. */
export function tabulate({ signals, evaluatedAt }: Answers): SignalTables {
  return new Map([...signals].map(([signal, answer]) => [signal, tabulateOne(answer, evaluatedAt)]));
}

function tabulateOne({ result, freshness: ages }: SignalAnswer, evaluatedAt: number): SignalTable {
  const failure = firstFailure([result, ...ages]);
  if (failure) {
    return absentTable({
      absent: failure.failure === 'partial' ? 'partial' : 'error',
      text: failure.message,
    });
  }
  const scraped = freshness(ages.map(samplesOf), evaluatedAt);
  const byWorkload = new Map<WorkloadKey, SignalSample[]>();
  let unnamed = 0;
  for (const { labels, value } of samplesOf(result)) {
    const key = keyOfLabels(labels);
    if (key === undefined) {
      unnamed++;
      continue;
    }
    const { peer = '', pod } = labels;
    const sample = { peer, value, ...(pod && { pod }) };
    const group = byWorkload.get(key);
    if (group) group.push(sample);
    else byWorkload.set(key, [sample]);
  }
  return {
    unnamed,
    workloads: () => byWorkload.keys(),
    samples: (workload) => byWorkload.get(workload) ?? [],
    scrapedAt: (workload) => scraped.of(workload),
  };
}

function samplesOf(result: QueryResult) {
  return result.ok ? result.samples : [];
}

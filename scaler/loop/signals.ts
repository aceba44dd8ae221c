import { getOrCompute, lastCall, oncePer } from '../../common/once.js';
import type { Absent, WorkloadKey } from '../core/types.js';
import type { QueryResult, VectorSample } from '../promql/response.js';
import {
  freshness,
  freshnessQueries,
  keyOfLabels,
  missingSource,
  type FindMissingSource,
} from '../promql/freshness.js';
import { isRepeated, repeatedText, withDifference, type Repeated } from '../promql/repeated.js';
import type { RecentPart, WindowPart } from '../promql/windows.js';
import type { RuleGroup } from '../rules/types.js';

export type Query = (expr: string, time: number) => Promise<QueryResult>;

/** Expressions by name of the signal. */
type Expressions = Readonly<
  Record<string, { readonly expr: string; readonly toldBy?: WindowPart; readonly byNewest?: true }>
>;

/** Results of one signal's queries in one round. */
export interface SignalResult {
  /** Undefined where the parts of its expression are not told apart. */
  readonly findMissing?: FindMissingSource;
  readonly result: QueryResult;
  /** Results of the `freshnessQueries` of the signal's expression. */
  readonly freshness: readonly QueryResult[];
  /** True where the newest of all data dates it. */
  readonly byNewest?: true;
}

export type WindowName = keyof RuleGroup['windows'];

/** Results of all queries of a group in one round. */
export interface QueryResults {
  readonly signals: ReadonlyMap<string, SignalResult>;
  /** Results by pod, beside their sums in `signals`. */
  readonly podSignals: ReadonlyMap<string, SignalResult>;
  readonly windows: {
    readonly recent: ReadonlyMap<RecentPart, SignalResult>;
    readonly settled: ReadonlyMap<WindowPart, SignalResult>;
  };
  /** Evaluation time of all queries, in seconds since the epoch. */
  readonly evaluatedAt: number;
}

/**
 * Queries Prometheus for the signals of a group, and for the age of their data, at one evaluation time. Every
 * distinct expression is queried once, whatever the number of workloads.
 *
 * @param time seconds since the epoch
 */
export async function querySignals(
  query: Query,
  group: Pick<RuleGroup, 'windows'> & { readonly signals: Expressions; readonly podSignals: Expressions },
  time: number,
): Promise<QueryResults> {
  const pending = new Map<string, Promise<QueryResult>>();
  const ask = (expr: string): Promise<QueryResult> => query(expr, time);
  const once = (expr: string): Promise<QueryResult> => getOrCompute(pending, expr, ask);
  const explained = new Map<string, Promise<QueryResult>>();
  const age = (expr: string): Promise<QueryResult> =>
    getOrCompute(explained, expr, async () => withDifference(expr, await once(expr), ask));
  const queryAll = async <Name extends string>(
    expressions: Readonly<Record<Name, { readonly expr: string; readonly byNewest?: true }>>,
  ): Promise<ReadonlyMap<Name, SignalResult>> => {
    const names = Object.keys(expressions) as Name[];
    const entries = names.map(async (name): Promise<[Name, SignalResult]> => {
      const { queries, findMissing } = agesOf(expressions[name]);
      const [result, ...ages] = await Promise.all([once(expressions[name].expr), ...queries.map(age)]);
      const { byNewest } = expressions[name];
      return [name, { findMissing, result, freshness: ages, ...(byNewest && { byNewest }) }];
    });
    return new Map(await Promise.all(entries));
  };
  const { windows } = group;
  const [signals, podSignals, recent, settled] = await Promise.all([
    queryAll(queriedSignals(group.signals)),
    queryAll(group.podSignals),
    queryAll(windows.recent.parts),
    queryAll(windows.settled.parts),
  ]);
  return { signals, podSignals, windows: { recent, settled }, evaluatedAt: time };
}

/** Signals that cost queries; the rows of the settled window tell the others. */
export function queriedSignals(signals: Expressions): Expressions {
  return Object.fromEntries(Object.entries(signals).filter(([, { toldBy }]) => toldBy === undefined));
}

/** Parsed once for the signal of a rule file, not in every round. */
const agesOf = oncePer(({ expr }: { readonly expr: string }) => ({
  queries: freshnessQueries(expr),
  findMissing: missingSource(expr),
}));

/** One value of a signal. */
export interface SignalSample {
  /** `ip:port` of the peer, where the signal is by peer. */
  readonly peer: string;
  /** Pod name, where the signal is by pod. */
  readonly pod?: string;
  /** Thread state, where the values are by state. */
  readonly state?: string;
  /** Why a pod's threads cannot be seen. */
  readonly reason?: string;
  /** What the value measures, in a window. */
  readonly measure?: string;
  readonly value: number;
}

/** The values of one signal in one round, by workload. */
export interface SignalTable {
  /** Reason why there is no value at all. */
  readonly absent?: Absent;
  /** Number of series without the labels of a workload. */
  readonly unnamed?: number;
  /** Workloads that have a value. */
  readonly workloads: () => Iterable<WorkloadKey>;
  readonly samples: (workload: WorkloadKey) => readonly SignalSample[];
  /** Time of a workload's scrape in seconds since the epoch, or why its data counts for nothing. */
  readonly scrapedAt: (workload: WorkloadKey) => number | Absent;
  /** All measures that samples of a workload may be of; a replay knows them without reading the samples. */
  readonly measures?: ((workload: WorkloadKey) => ReadonlySet<string>) | undefined;
}

/** Signal name → table. */
export type SignalTables = ReadonlyMap<string, SignalTable>;

export const STALE: Absent = { absent: 'stale', text: 'scrapes have stopped' };

/** A signal without values. */
export function absentTable(absent: Absent): SignalTable {
  return { absent, workloads: () => [], samples: () => [], scrapedAt: () => absent };
}

/** Groups the results of queries by workload. */
export function tabulate<Name extends string>(
  results: ReadonlyMap<Name, SignalResult>,
  evaluatedAt: number,
): ReadonlyMap<Name, SignalTable> {
  return new Map([...results].map(([signal, result]) => [signal, tabulateOne(result, evaluatedAt)]));
}

function tabulateOne(
  { findMissing, result, freshness: ages, byNewest }: SignalResult,
  evaluatedAt: number,
): SignalTable {
  const failed = [result, ...ages].find(({ ok }) => !ok);
  if (failed && !failed.ok) {
    return absentTable({
      absent: failed.failure === 'partial' ? 'partial' : 'error',
      text: failed.message,
    });
  }
  const missing = findMissing?.((index) => samplesOf(ages[index]!).length > 0);
  if (missing) return absentTable(missing);
  const dated = ages.map(samplesOf);
  const scraped = freshness(byNewest ? dated.map(withoutLabels) : dated, evaluatedAt);
  const byWorkload = new Map<WorkloadKey, VectorSample[]>();
  let unnamed = 0;
  for (const sample of samplesOf(result)) {
    const key = keyOfLabels(sample.labels);
    if (key === undefined) {
      unnamed++;
      continue;
    }
    getOrCompute(byWorkload, key, () => []).push(sample);
  }
  const read = lastCall((workload: WorkloadKey): readonly SignalSample[] =>
    (byWorkload.get(workload) ?? []).map(({ labels, value }) => ({ ...partOf(labels), value })),
  );
  return {
    unnamed,
    workloads: () => byWorkload.keys(),
    samples: read,
    scrapedAt: (workload) => absentIf(scraped.repeated(workload)) ?? scraped.of(workload) ?? STALE,
  };
}

/** Sums would count each container as often as it has series. */
function absentIf(repeated: Repeated | undefined): Absent | undefined {
  return repeated && { absent: 'error', text: repeatedText(repeated) };
}

/** What a series measures within its workload. */
export function partOf(labels: Readonly<Record<string, string>>): Omit<SignalSample, 'value'> {
  const { peer = '', pod, state, reason, measure } = labels;
  return {
    peer,
    ...(pod && { pod }),
    ...(state && { state }),
    ...(reason && { reason }),
    ...(measure && { measure }),
  };
}

/** The times of all series, as if they were of every workload. */
function withoutLabels(samples: readonly VectorSample[]): VectorSample[] {
  return samples.filter((sample) => !isRepeated(sample)).map((sample) => ({ ...sample, labels: {} }));
}

function samplesOf(result: QueryResult) {
  return result.ok ? result.samples : [];
}

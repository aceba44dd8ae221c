import type { QueryResult } from '../promql/response.js';

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

import type { QueryResult } from '../promql/response.js';
import type { Answers, SignalAnswer } from './answers.js';
import { freshnessQueries } from './freshness.js';

export type Query = (expr: string, time: number) => Promise<QueryResult>;

/**
 * Asks Prometheus for all signals of a group, and for the age of their data, at one evaluation time. Every
 * distinct expression is asked once, whatever the number of workloads.
 *
 * @param expressions signal name → PromQL
 * @param time seconds since the epoch
 */
export async function ask(
  query: Query,
  expressions: Readonly<Record<string, string>>,
  time: number,
): Promise<Answers> {
  const asked = new Map<string, Promise<QueryResult>>();
  const once = (expr: string): Promise<QueryResult> => {
    const answer = asked.get(expr) ?? query(expr, time);
    asked.set(expr, answer);
    return answer;
  };
  const signals = await Promise.all(
    Object.entries(expressions).map(async ([signal, expr]): Promise<[string, SignalAnswer]> => {
      const [result, ...freshness] = await Promise.all([once(expr), ...freshnessQueries(expr).map(once)]);
      return [signal, { result, freshness }];
    }),
  );
  return { signals: new Map(signals), evaluatedAt: time };
}

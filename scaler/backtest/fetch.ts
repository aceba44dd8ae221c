import { KernscaleError } from '../../common/errors.js';
import { divide, findQuotients } from './quotients.js';
import type { Grid, RangeResult, RangeSeries } from '../promql/range.js';

/** Asks about every time of a grid. */
export interface PastQueries {
  /** The value of an expression. */
  readonly values: (expr: string, grid: Grid) => Promise<RangeResult>;
  /** When the newest sample of a selector was taken. */
  readonly sampleTimes: (selector: string, grid: Grid) => Promise<RangeResult>;
}

/** What there is to ask for. */
export interface Questions {
  readonly expressions: ReadonlySet<string>;
  readonly selectors: ReadonlySet<string>;
}

/** Prometheus refuses more points of a series in one answer. */
export const MAX_POINTS = 11_000;
/** What Prometheus knows about one expression in a chunk of the past. */
export type Answer = { readonly series: readonly RangeSeries[] } | { readonly partial: string };

/** Answers by expression and by selector; a partial one is a gap, since what it lacks is not said. */
export interface Answers {
  readonly values: ReadonlyMap<string, Answer>;
  readonly sampleTimes: ReadonlyMap<string, Answer>;
}

/** @throws KernscaleError `PROMETHEUS_ANSWER` when there is no answer */
export async function fetchChunk(
  queries: PastQueries,
  { expressions, selectors }: Questions,
  grid: Grid,
): Promise<Answers> {
  const quotients = findQuotients(expressions);
  const parts = [...quotients.values()].flatMap(({ over, under }) => [over, under]);
  const whole = [...expressions].filter((expr) => !quotients.has(expr));
  const [values, sampleTimes] = await Promise.all([
    fetchEach(queries.values, new Set([...whole, ...parts]), grid),
    fetchEach(queries.sampleTimes, selectors, grid),
  ]);
  for (const [expr, { over, under }] of quotients) {
    values.set(expr, divide(values.get(over)!, values.get(under)!));
  }
  return { values, sampleTimes };
}

async function fetchEach(
  query: PastQueries['values'],
  asked: ReadonlySet<string>,
  grid: Grid,
): Promise<Map<string, Answer>> {
  const answers = [...asked].map(async (expr): Promise<[string, Answer]> => {
    const result = await query(expr, grid);
    if (result.ok) return [expr, result];
    if (result.failure === 'partial') return [expr, { partial: result.message }];
    throw new KernscaleError('PROMETHEUS_ANSWER', `no answer to ${expr}: ${result.message}`);
  });
  return new Map(await Promise.all(answers));
}

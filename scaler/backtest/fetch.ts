import { KernscaleError } from '../../common/errors.js';
import type { Grid, RangeResult, RangeSeries } from '../promql/range.js';
import { leavesOf, planOf, type Plan } from './plan.js';
import { shareRates } from './rates.js';

/** Asks about every time of a grid. */
export interface PastQueries {
  /** The value of an expression. */
  readonly values: (expr: string, grid: Grid) => Promise<RangeResult>;
  /** When the newest sample of a selector was taken. */
  readonly sampleTimes: (selector: string, grid: Grid) => Promise<RangeResult>;
}

/** Prometheus refuses more points of a series in one answer. */
export const MAX_POINTS = 11_000;
/** What Prometheus knows about one expression in a chunk of the past. */
export type Answer = { readonly series: readonly RangeSeries[] } | { readonly partial: string };

/** Answers by expression and by selector; a partial one is a gap, since what it lacks is not said. */
export interface Answers {
  readonly values: ReadonlyMap<string, Answer>;
  readonly sampleTimes: ReadonlyMap<string, Answer>;
  /** Series in the widest answer that Prometheus gave. */
  readonly widest: number;
}

/** What there is to ask for. */
export interface Questions {
  readonly expressions: ReadonlySet<string>;
  readonly selectors: ReadonlySet<string>;
}

/** @throws KernscaleError `PROMETHEUS_ANSWER` when there is no answer */
export type AskPast = (questions: Questions, grid: Grid) => Promise<Answers>;

/** Asks Prometheus for what the expressions are worked out from, see `planOf`. */
export async function fetchChunk(
  queries: PastQueries,
  { expressions, selectors }: Questions,
  grid: Grid,
): Promise<Answers> {
  const plans = [...expressions].map((expr) => [expr, planOf(expr)] as const);
  const rates = shareRates(new Set(plans.flatMap(([, plan]) => [...leavesOf(plan)])));
  const [asked, sampleTimes] = await Promise.all([
    fetchEach(queries.values, new Set([...rates.values()].map((rate) => rate.asked)), grid),
    fetchEach(queries.sampleTimes, selectors, grid),
  ]);
  const leaf = (expr: string): Answer => {
    const { asked: wider, part } = rates.get(expr)!;
    const answer = asked.get(wider)!;
    return 'series' in answer ? { series: part(answer.series) } : answer;
  };
  const values = new Map(plans.map(([expr, plan]) => [expr, workOut(plan, leaf)]));
  return { values, sampleTimes, widest: widestOf([...asked.values(), ...sampleTimes.values()]) };
}

function workOut(plan: Plan, leaf: (expr: string) => Answer): Answer {
  let partial: Answer | undefined;
  const series = plan((expr) => {
    const answer = leaf(expr);
    if ('series' in answer) return answer.series;
    partial ??= answer;
    return [];
  });
  return partial ?? { series };
}

function widestOf(answers: readonly Answer[]): number {
  return Math.max(0, ...answers.map((answer) => ('series' in answer ? answer.series.length : 0)));
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

/**
 * Evaluates PromQL expressions at every step of a chunk of the past, sharing the work with Prometheus.
 *
 * A range query evaluates `rate()` of one series over a week in one pass, but joins, sums and quotients again at every
 * step, matching all labels each time. For a backtest, it is several times faster to fetch the series once and to
 * combine them here, whole series at a time. `plan.ts` decides what is combined here:
 *
 * | expression                                  | evaluated here if                                           |
 * |---------------------------------------------|-------------------------------------------------------------|
 * | `A / B`, `A or B`                           | `A` and `B` have no metric names; no modifier               |
 * | `A != number`, `number * A`                 | `A` has no metric names                                     |
 * | `clamp_min(A, number)`                      | `A` has no metric names                                     |
 * | `label_replace(A, "label", "value", "", "")`| `A` has neither metric names nor the label, as written      |
 * | `sum\|count\|avg by (…) (V)`                | all metrics in `V` have few series per container            |
 * | `V and W`, `V and ignoring (…) W`           | all metrics in `V` and `W` have few series per container    |
 * | `rate(m{…}[…])` beside a wider `rate(m[…])` | the matchers are plain words: the wider one is fetched once |
 *
 * Aggregations have no metric names, nor do rates of metrics with few series per container and what is made of them.
 * Those metrics are what `FEW_PER_CONTAINER` in plan.ts lists. Prometheus evaluates everything else, native histograms
 * included, and the leaves of the expressions above.
 * test/prometheus/evaluator.test.ts compares this evaluator with Prometheus on random expressions and series.
 */
import { KernscaleError } from '../../../common/errors.js';
import type { Grid, RangeResult, RangeSeries } from '../../promql/range.js';
import { leavesOf, planOf, type Plan } from './plan.js';
import { coverRates } from './rates.js';

/** Queries Prometheus at every step of a grid. */
export interface RangeQueries {
  /** Values of an expression. */
  readonly values: (expr: string, grid: Grid) => Promise<RangeResult>;
  /** Timestamps of the newest samples of a selector. */
  readonly sampleTimes: (selector: string, grid: Grid) => Promise<RangeResult>;
}

/** Most points per series that Prometheus returns for one range query. */
export const MAX_POINTS = 11_000;

/** The values of one expression in a chunk; a partial result is a gap, because Prometheus does not say what it lacks. */
export type Evaluated = { readonly series: readonly RangeSeries[] } | { readonly partial: string };

export interface EvaluatedChunk {
  /** By expression. */
  readonly values: ReadonlyMap<string, Evaluated>;
  /** By selector. */
  readonly sampleTimes: ReadonlyMap<string, Evaluated>;
  /** Series in the widest result that Prometheus returned. */
  readonly widest: number;
}

export interface Requested {
  readonly expressions: ReadonlySet<string>;
  /** Selectors whose sample times are needed. */
  readonly selectors: ReadonlySet<string>;
}

/** @throws KernscaleError `PROMETHEUS_ANSWER` when a query fails */
export type Evaluate = (requested: Requested, grid: Grid) => Promise<EvaluatedChunk>;

/** @throws KernscaleError `PROMETHEUS_ANSWER` when a query fails */
export async function evaluateChunk(
  queries: RangeQueries,
  { expressions, selectors }: Requested,
  grid: Grid,
): Promise<EvaluatedChunk> {
  const plans = [...expressions].map((expr) => [expr, planOf(expr)] as const);
  const rates = coverRates(new Set(plans.flatMap(([, plan]) => [...leavesOf(plan)])));
  const [fetched, sampleTimes] = await Promise.all([
    fetchEach(queries.values, new Set([...rates.values()].map(({ source }) => source)), grid),
    fetchEach(queries.sampleTimes, selectors, grid),
  ]);
  const leaf = (expr: string): Evaluated => {
    const { source, select } = rates.get(expr)!;
    const found = fetched.get(source)!;
    return 'series' in found ? { series: select(found.series) } : found;
  };
  const values = new Map(plans.map(([expr, plan]) => [expr, runPlan(plan, leaf)]));
  return { values, sampleTimes, widest: widestOf([...fetched.values(), ...sampleTimes.values()]) };
}

function runPlan(plan: Plan, leaf: (expr: string) => Evaluated): Evaluated {
  let partial: Evaluated | undefined;
  const series = plan((expr) => {
    const found = leaf(expr);
    if ('series' in found) return found.series;
    partial ??= found;
    return [];
  });
  return partial ?? { series };
}

function widestOf(results: readonly Evaluated[]): number {
  return Math.max(0, ...results.map((result) => ('series' in result ? result.series.length : 0)));
}

async function fetchEach(
  query: RangeQueries['values'],
  exprs: ReadonlySet<string>,
  grid: Grid,
): Promise<Map<string, Evaluated>> {
  const results = [...exprs].map(async (expr): Promise<[string, Evaluated]> => {
    const result = await query(expr, grid);
    if (result.ok) return [expr, result];
    if (result.failure === 'partial') return [expr, { partial: result.message }];
    throw new KernscaleError('PROMETHEUS_ANSWER', `Prometheus cannot evaluate ${expr}: ${result.message}`);
  });
  return new Map(await Promise.all(results));
}

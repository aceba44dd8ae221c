import { KernscaleError } from '../../common/errors.js';
import { divide, findQuotients } from './quotients.js';
import type { Grid, RangeResult, RangeSeries } from '../promql/range.js';

export type RangeQuery = (expr: string, grid: Grid) => Promise<RangeResult>;

/** Prometheus refuses more points of a series in one answer. */
export const MAX_POINTS = 11_000;
/**
 * Before 2.49, Prometheus looks for each `timestamp()` of a range from its beginning on, so that the time it takes
 * grows with the square of the range.
 */
const TIMESTAMP_POINTS = 240;

/** What Prometheus knows about one expression in a chunk of the past. */
export type Answer = { readonly series: readonly RangeSeries[] } | { readonly partial: string };

/**
 * Asks for expressions at every time of a grid.
 *
 * @returns expression → answer; a partial one is a gap, since what it lacks is not said
 * @throws KernscaleError `PROMETHEUS_ANSWER` when there is no answer
 */
export async function fetchChunk(
  query: RangeQuery,
  expressions: Iterable<string>,
  grid: Grid,
): Promise<ReadonlyMap<string, Answer>> {
  const wanted = [...expressions];
  const quotients = findQuotients(wanted);
  const parts = [...quotients.values()].flatMap(({ over, under }) => [over, under]);
  const whole = wanted.filter((expr) => !quotients.has(expr));
  const answers = await fetchEach(query, new Set([...whole, ...parts]), grid);
  for (const [expr, { over, under }] of quotients) {
    answers.set(expr, divide(answers.get(over)!, answers.get(under)!));
  }
  return answers;
}

async function fetchEach(
  query: RangeQuery,
  expressions: Iterable<string>,
  grid: Grid,
): Promise<Map<string, Answer>> {
  const answers = [...expressions].map(async (expr): Promise<[string, Answer]> => {
    const size = expr.includes('timestamp(') ? TIMESTAMP_POINTS : MAX_POINTS;
    const pieces = cut(grid, size);
    const results = await Promise.all(pieces.map((piece) => query(expr, piece)));
    return [expr, join(expr, results, pieces, grid)];
  });
  return new Map(await Promise.all(answers));
}

/** Cuts a grid into pieces of at most `size` times. */
export function cut({ from, step, count }: Grid, size: number): Grid[] {
  return Array.from({ length: Math.ceil(count / size) }, (_, index) => ({
    from: from + index * size * step,
    step,
    count: Math.min(size, count - index * size),
  }));
}

function join(
  expr: string,
  results: readonly RangeResult[],
  pieces: readonly Grid[],
  { step, from, count }: Grid,
): Answer {
  const joined = new Map<string, RangeSeries>();
  for (const [index, result] of results.entries()) {
    if (!result.ok && result.failure === 'partial') return { partial: result.message };
    if (!result.ok) {
      throw new KernscaleError('PROMETHEUS_ANSWER', `no answer to ${expr}: ${result.message}`);
    }
    if (results.length === 1) return result;
    const offset = Math.round((pieces[index]!.from - from) / step);
    for (const { labels, values, present } of result.series) {
      const key = JSON.stringify(Object.entries(labels).sort());
      const whole = joined.get(key) ?? {
        labels,
        values: new Float64Array(count),
        present: new Uint8Array(count),
      };
      whole.values.set(values, offset);
      whole.present.set(present, offset);
      joined.set(key, whole);
    }
  }
  return { series: [...joined.values()] };
}

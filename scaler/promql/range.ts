import { z } from 'zod';
import { failed, parseAnswer, parseValue, type QueryFailed } from './response.js';

/** The evaluation times of a range query: `from`, `from + step`, …, `count` of them, in seconds. */
export interface Grid {
  readonly from: number;
  readonly step: number;
  readonly count: number;
}

/** One series of a range query: a value at some of the grid's times. */
export interface RangeSeries {
  readonly labels: Readonly<Record<string, string>>;
  /** Says nothing where `present` is 0; may be NaN or infinite where it is 1. */
  readonly values: Float64Array;
  readonly present: Uint8Array;
}

export type RangeResult = { readonly ok: true; readonly series: readonly RangeSeries[] } | QueryFailed;

/** Its points are checked one by one as they are read: there are millions of them. */
const matrix = z.array(
  z.object({
    metric: z.record(z.string(), z.string()),
    values: z.custom<unknown[]>(Array.isArray).optional(),
    histograms: z.unknown().optional(),
  }),
);

/** Reads an answer of `/api/v1/query_range`; total, like `parseQueryResponse`. */
export function parseRangeResponse(status: number, body: string, grid: Grid): RangeResult {
  const answer = parseAnswer(status, body, 'matrix');
  if (!answer.ok) return answer;
  const parsed = matrix.safeParse(answer.result);
  if (!parsed.success) return failed('malformed', 'the matrix does not have the documented shape');
  const series: RangeSeries[] = [];
  for (const { metric, values = [], histograms } of parsed.data) {
    if (histograms !== undefined) {
      return failed('histogram', `${JSON.stringify(metric)} is a native histogram, not a number`);
    }
    const read = place(values, grid);
    if (!read) return failed('malformed', `${JSON.stringify(metric)} has a point that cannot be read`);
    series.push({ labels: metric, ...read });
  }
  return { ok: true, series };
}

function place(
  points: readonly unknown[],
  { from, step, count }: Grid,
): Omit<RangeSeries, 'labels'> | undefined {
  const values = new Float64Array(count);
  const present = new Uint8Array(count);
  for (const point of points) {
    if (!Array.isArray(point)) return undefined;
    const [at, text] = point as unknown[];
    const value = typeof text === 'string' ? parseValue(text) : undefined;
    const index = typeof at === 'number' ? Math.round((at - from) / step) : -1;
    if (value === undefined || !(index >= 0 && index < count)) return undefined;
    values[index] = value;
    present[index] = 1;
  }
  return { values, present };
}

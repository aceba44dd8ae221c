import { z } from 'zod';
import { eachPoint, withoutPoints, type Points } from './points.js';
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

/** Prometheus' `--query.lookback-delta` as it is by default, seconds: older samples are none. */
export const LOOK_BACK = 300;

const matrix = z.array(
  z.object({
    metric: z.record(z.string(), z.string()),
    /** The points that were cut out here, or points themselves. */
    values: z.unknown().optional(),
    histograms: z.unknown().optional(),
  }),
);

/** Reads an answer of `/api/v1/query_range`; total, like `parseQueryResponse`. */
export function parseRangeResponse(status: number, body: string, grid: Grid): RangeResult {
  const parsed = parseMatrix(status, body);
  if (!parsed.ok) return parsed;
  const series: RangeSeries[] = [];
  for (const { labels, points, histograms } of parsed.series) {
    if (histograms)
      return failed('histogram', `${JSON.stringify(labels)} is a native histogram, not a number`);
    const read = place(points, grid);
    if (!read) return failed('malformed', `${JSON.stringify(labels)} has a point that cannot be read`);
    series.push({ labels, ...read });
  }
  return { ok: true, series };
}

/**
 * Reads an answer of `/api/v1/query` to a range selector: for each series, when the sample was taken that is the newest
 * at each time of the grid.
 */
export function parseSampleTimes(status: number, body: string, grid: Grid): RangeResult {
  const parsed = parseMatrix(status, body);
  if (!parsed.ok) return parsed;
  const series: RangeSeries[] = [];
  for (const { labels, points, histograms } of parsed.series) {
    const times = (histograms ?? []).map((point) => Number((point as unknown[] | null)?.[0]));
    const read = eachPoint(points, (at) => times.push(at) > 0);
    if (!read) return failed('malformed', `${JSON.stringify(labels)} has a point that cannot be read`);
    series.push({
      labels,
      ...newest(
        times.sort((a, b) => a - b),
        grid,
      ),
    });
  }
  return { ok: true, series };
}

interface MatrixSeries {
  readonly labels: Readonly<Record<string, string>>;
  readonly points: Points;
  readonly histograms: readonly unknown[] | undefined;
}

function parseMatrix(
  status: number,
  body: string,
): { readonly ok: true; readonly series: readonly MatrixSeries[] } | QueryFailed {
  const { rest, cut } = withoutPoints(body);
  const answer = parseAnswer(status, rest, 'matrix');
  if (!answer.ok) return answer;
  const parsed = matrix.safeParse(answer.result);
  if (!parsed.success) return failed('malformed', 'the matrix does not have the documented shape');
  const series = parsed.data.map(({ metric, values = [], histograms }) => {
    const text = typeof values === 'number' ? undefined : JSON.stringify(values);
    return {
      labels: metric,
      points: text === undefined ? cut[values as number]! : { text, from: 0, to: text.length },
      histograms: Array.isArray(histograms) ? (histograms as unknown[]) : undefined,
    };
  });
  return { ok: true, series };
}

function place(points: Points, { from, step, count }: Grid): Omit<RangeSeries, 'labels'> | undefined {
  const values = new Float64Array(count);
  const present = new Uint8Array(count);
  const read = eachPoint(points, (at, text) => {
    const value = parseValue(text);
    const index = Math.round((at - from) / step);
    if (value === undefined || !(index >= 0 && index < count)) return false;
    values[index] = value;
    present[index] = 1;
    return true;
  });
  return read ? { values, present } : undefined;
}

/** @param times ascending */
function newest(times: readonly number[], { from, step, count }: Grid): Omit<RangeSeries, 'labels'> {
  const values = new Float64Array(count);
  const present = new Uint8Array(count);
  let next = 0;
  for (let index = 0; index < count; index++) {
    const at = from + index * step;
    while (next < times.length && times[next]! <= at) next++;
    const time = times[next - 1] ?? -Infinity;
    if (at - time > LOOK_BACK) continue;
    values[index] = time;
    present[index] = 1;
  }
  return { values, present };
}

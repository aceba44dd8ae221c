import { z } from 'zod';
import { failed, SharedTexts, parseJson, parseResult, parseValue, type QueryFailed } from './response.js';

/** Evaluation times of a range query: `from`, `from + step`, …, `count` of them, in seconds. */
export interface Grid {
  readonly from: number;
  readonly step: number;
  readonly count: number;
}

/** One series of a range query, with values at some times of the grid. */
export interface RangeSeries {
  readonly labels: Readonly<Record<string, string>>;
  /** Meaningless where `present` is 0; may be NaN or infinite where it is 1. */
  readonly values: Float64Array;
  readonly present: Uint8Array;
}

export type RangeResult = { readonly ok: true; readonly series: readonly RangeSeries[] } | QueryFailed;

/** Default of Prometheus' `--query.lookback-delta`, in seconds: an older sample does not count. */
export const LOOK_BACK = 300;

/** Points of a series as text: `[[1700000000,"1"],[1700000015.5,"NaN"]]`. */
interface Points {
  readonly text: string;
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

interface MatrixSeries {
  readonly labels: Record<string, string>;
  readonly points: Points;
  readonly histograms: readonly unknown[] | undefined;
}

const matrix = z.array(
  z.object({
    metric: z.record(z.string(), z.string()),
    /** Index of the points that `cutPoints` cut out here, or points. */
    values: z.unknown().optional(),
    histograms: z.unknown().optional(),
  }),
);

type Placed = Omit<RangeSeries, 'labels'>;
/** Returns undefined if it cannot read the points. */
type Place = (series: MatrixSeries, grid: Grid) => Placed | QueryFailed | undefined;

/** Reads a response with a matrix, whose rows arrive in parts. Never throws. */
export class MatrixReader {
  readonly #series: RangeSeries[] = [];
  readonly #texts = new SharedTexts();
  #failed: QueryFailed | undefined;

  /** @param place `valuesAt` or `sampleTimesAt` */
  constructor(
    private readonly grid: Grid,
    private readonly place: Place,
  ) {}

  rows(text: string): void {
    const { rest, cut } = cutPoints(`[${text}]`);
    this.#failed ??= this.#read(parseJson(rest), cut);
  }

  /** @param body the response without the rows */
  end(status: number, body: string): RangeResult {
    const response = parseResult(status, body, 'matrix');
    if (!response.ok) return response;
    const failure = this.#failed ?? this.#read(response.result, []);
    return failure ?? { ok: true, series: this.#series };
  }

  #read(rows: unknown, cut: readonly Points[]): QueryFailed | undefined {
    const parsed = matrix.safeParse(rows);
    if (!parsed.success) return failed('malformed', 'the matrix does not have the documented shape');
    for (const { metric: labels, values = [], histograms } of parsed.data) {
      const text = typeof values === 'number' ? '' : JSON.stringify(values);
      const points = typeof values === 'number' ? cut[values] : { text, from: 0, to: text.length };
      const lists = Array.isArray(histograms) ? (histograms as unknown[]) : undefined;
      const placed = points && this.place({ labels, points, histograms: lists }, this.grid);
      if (!placed) return failed('malformed', `${JSON.stringify(labels)} has an invalid point`);
      if ('ok' in placed) return placed;
      this.#series.push({ labels: this.#texts.in(labels), ...placed });
    }
    return undefined;
  }
}

/** The values of a range query. */
export function valuesAt(
  { labels, points, histograms }: MatrixSeries,
  grid: Grid,
): Placed | QueryFailed | undefined {
  if (histograms) return failed('histogram', `${JSON.stringify(labels)} is a native histogram, not a number`);
  return placeValues(points, grid);
}

/** Of a query for a range selector: the times at which the sample was taken that is the newest at each time of the grid. */
export function sampleTimesAt({ points, histograms = [] }: MatrixSeries, grid: Grid): Placed | undefined {
  const times = histograms.map((point) => Number((point as unknown[] | null)?.[0]));
  if (!eachPoint(points, (at) => times.push(at) > 0)) return undefined;
  return placeNewest(
    times.sort((a, b) => a - b),
    grid,
  );
}

function placeValues(points: Points, { from, step, count }: Grid): Placed | undefined {
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
function placeNewest(times: readonly number[], { from, step, count }: Grid): Placed {
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

const POINTS_BEGIN = '"values":[[';
const POINTS_END = ']]';

/**
 * Cuts the points of every series out of a matrix response, and leaves their index in `cut` in their place.
 *
 * A week of a fleet has tens of millions of points. As JSON values they would be as many small arrays and strings,
 * whose collection takes longer than everything else. Inside a label value quotes are escaped, so the cut text is
 * never part of one.
 */
function cutPoints(body: string): { rest: string; cut: Points[] } {
  const cut: Points[] = [];
  let rest = '';
  let done = 0;
  for (;;) {
    const start = body.indexOf(POINTS_BEGIN, done);
    const end = start < 0 ? -1 : body.indexOf(POINTS_END, start);
    if (end < 0) return { rest: rest + body.slice(done), cut };
    const from = start + POINTS_BEGIN.length - POINTS_END.length;
    rest += `${body.slice(done, from)}${cut.length}`;
    done = end + POINTS_END.length;
    cut.push({ text: body, from, to: done });
  }
}

/**
 * Reads points one by one.
 *
 * @param visit receives the time in seconds and the value's text; returns false to stop
 * @returns true if all points were read
 */
function eachPoint({ text, from, to }: Points, visit: (at: number, value: string) => boolean): boolean {
  // An empty list.
  if (to - from <= 2) return true;
  let open = from + 1;
  for (;;) {
    const comma = text.indexOf(',"', open);
    const close = comma < 0 ? -1 : text.indexOf('"]', comma + 2);
    if (close < 0 || close >= to || text[open] !== '[') return false;
    if (!visit(parseTime(text, open + 1, comma), text.slice(comma + 2, close))) return false;
    open = close + 3;
    if (text[close + 2] !== ',') return open === to;
  }
}

/** Most times are whole seconds; parsing their digits takes a fraction of the time of `Number`. */
function parseTime(text: string, from: number, to: number): number {
  let time = 0;
  for (let index = from; index < to; index++) {
    const digit = text.charCodeAt(index) - 48;
    if (!(digit >= 0 && digit <= 9)) return Number(text.slice(from, to));
    time = time * 10 + digit;
  }
  return from < to ? time : NaN;
}

import { z } from 'zod';

/** One series of an instant vector. `value` may be NaN or infinite: the caller must say what that means. */
export interface VectorSample {
  readonly labels: Readonly<Record<string, string>>;
  /** Seconds since the epoch. For an instant query this is the evaluation time, not the sample's age. */
  readonly timestamp: number;
  readonly value: number;
}

/** Why there is no answer that may be acted on; each is a missing value, never a zero. */
export const QUERY_FAILURES = [
  /** Nothing listens, no route, no such host, the connection broke. */
  'unreachable',
  'timeout',
  /** 401 or 403. */
  'unauthorized',
  /** Any other HTTP status without a Prometheus error in its body. */
  'http',
  /** The body is not what the HTTP API documents: not JSON, a proxy's page, an unknown shape. */
  'malformed',
  /** Prometheus refused or failed the query (`bad_data`, `execution`, `timeout`, …). */
  'query_error',
  /** An answer with warnings, or marked as partial: some of the data may be missing. */
  'partial',
  /** A scalar, string or matrix where a vector was expected. */
  'wrong_type',
  /** Native histograms where numbers were expected. */
  'histogram',
] as const;
export type QueryFailure = (typeof QUERY_FAILURES)[number];

export interface QueryFailed {
  readonly ok: false;
  readonly failure: QueryFailure;
  readonly message: string;
}
export type QueryResult = { readonly ok: true; readonly samples: readonly VectorSample[] } | QueryFailed;

const point = z.tuple([z.number(), z.string()]);
const series = z.object({
  metric: z.record(z.string(), z.string()),
  value: point.optional(),
  histogram: z.unknown().optional(),
});
const success = z.object({
  status: z.literal('success'),
  warnings: z.array(z.string()).nullish(),
  /** Said by VictoriaMetrics, in place of a warning. */
  isPartial: z.boolean().nullish(),
  data: z.object({ resultType: z.string(), result: z.unknown() }),
});
const refusal = z.object({ status: z.literal('error'), errorType: z.string(), error: z.string() });

export function failed(failure: QueryFailure, message: string): QueryFailed {
  return { ok: false, failure, message };
}

/** Reads an answer of `/api/v1/query`. Total: every input has exactly one named outcome. */
export function parseQueryResponse(status: number, body: string): QueryResult {
  const answer = parseAnswer(status, body, 'vector');
  return answer.ok ? parseVector(answer.result) : answer;
}

const TYPES = { vector: 'an instant vector', matrix: 'a matrix' };

/**
 * Reads the envelope of an answer, and its result as far as the type.
 *
 * An answer with warnings is refused as a whole, since which series lack data is not said. `infos`
 * (Prometheus 3) are remarks on the query's style and are ignored.
 */
export function parseAnswer(
  status: number,
  body: string,
  type: keyof typeof TYPES,
): { readonly ok: true; readonly result: unknown } | QueryFailed {
  const json = parseJson(body);
  const error = refusal.safeParse(json);
  if (error.success) return failed('query_error', `${error.data.errorType}: ${error.data.error}`);
  if (status === 401 || status === 403) {
    return failed('unauthorized', `Prometheus answered HTTP ${status}; check its credentials`);
  }
  if (status !== 200) return failed('http', `Prometheus answered HTTP ${status}`);
  const answer = success.safeParse(json);
  if (!answer.success) return failed('malformed', "the answer is not that of Prometheus' HTTP API");
  const { data, warnings, isPartial } = answer.data;
  if (warnings && warnings.length > 0) return failed('partial', warnings.join('; '));
  if (isPartial) return failed('partial', 'not all stores have answered');
  if (data.resultType !== type) {
    return failed('wrong_type', `the expression is a ${data.resultType}, not ${TYPES[type]}`);
  }
  return { ok: true, result: data.result };
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function parseVector(result: unknown): QueryResult {
  const vector = z.array(series).safeParse(result);
  if (!vector.success) return failed('malformed', 'the vector does not have the documented shape');
  const samples: VectorSample[] = [];
  for (const { metric, value, histogram } of vector.data) {
    if (histogram !== undefined) {
      return failed('histogram', `${JSON.stringify(metric)} is a native histogram, not a number`);
    }
    const number = value && parseValue(value[1]);
    if (number === undefined) return failed('malformed', `${JSON.stringify(metric)} has no number`);
    samples.push({ labels: metric, timestamp: value![0], value: number });
  }
  return { ok: true, samples };
}

/** Reads a sample value as Prometheus writes it; undefined for anything else. */
export function parseValue(text: string): number | undefined {
  const value = Number(text);
  // Blanks alone are a zero to JavaScript.
  if (value === 0 ? text.trim() !== '' : !Number.isNaN(value)) return value;
  if (text === 'NaN') return Number.NaN;
  if (text === '+Inf' || text === 'Inf') return Number.POSITIVE_INFINITY;
  return text === '-Inf' ? Number.NEGATIVE_INFINITY : undefined;
}

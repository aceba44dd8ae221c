import { z } from 'zod';
import { getOrCompute } from '../../common/once.js';

/** One series of an instant vector. The value may be NaN or infinite; the caller decides what that means. */
export interface VectorSample {
  readonly labels: Readonly<Record<string, string>>;
  /** Seconds since the epoch. For an instant query this is the evaluation time, not the sample's age. */
  readonly timestamp: number;
  readonly value: number;
}

/** Reasons why a response must not be acted on. Each means a missing value, never a zero. */
export const QUERY_FAILURES = [
  /** The connection is refused or breaks, or the host has no address or route. */
  'unreachable',
  'timeout',
  /** 401 or 403. */
  'unauthorized',
  /** Any other HTTP status without a Prometheus error in the body. */
  'http',
  /** The body is not a response of the HTTP API: not JSON, a proxy's page, an unknown shape. */
  'malformed',
  /** Prometheus rejected or failed the query (`bad_data`, `execution`, `timeout`, …). */
  'query_error',
  /** The response has warnings or is marked as partial, so data may be missing. */
  'partial',
  /** A scalar, string or matrix where a vector is expected. */
  'wrong_type',
  /** Native histograms where numbers are expected. */
  'histogram',
  /** Evaluated at a time that is not now by Prometheus' clock. */
  'clock',
] as const;
export type QueryFailure = (typeof QUERY_FAILURES)[number];

export interface QueryFailed {
  readonly ok: false;
  readonly failure: QueryFailure;
  readonly message: string;
}
export type QueryResult = { readonly ok: true; readonly samples: readonly VectorSample[] } | QueryFailed;
export type NamesResult = { readonly ok: true; readonly names: ReadonlySet<string> } | QueryFailed;

/** Without a refusal, the server accepts the expression. */
export type FormatResult = { readonly ok: true; readonly refusal?: string } | QueryFailed;

const success = z.object({
  status: z.literal('success'),
  warnings: z.array(z.string()).nullish(),
  /** Sent by VictoriaMetrics in place of a warning. */
  isPartial: z.boolean().nullish(),
  data: z.unknown(),
});
const refusal = z.object({ status: z.literal('error'), errorType: z.string(), error: z.string() });
const queryData = z.object({ resultType: z.string(), result: z.unknown() });
const vector = z.array(
  z.object({
    metric: z.record(z.string(), z.string()),
    value: z.tuple([z.number(), z.string()]).optional(),
    histogram: z.unknown().optional(),
  }),
);

const TYPES = { vector: 'an instant vector', matrix: 'a matrix' };
const NOT_THE_API = "the response is not one of Prometheus' HTTP API";

export function failed(failure: QueryFailure, message: string): QueryFailed {
  return { ok: false, failure, message };
}

/** Reads a response of `/api/v1/query`, whose rows arrive in parts. Never throws. */
export class VectorReader {
  readonly #samples: VectorSample[] = [];
  readonly #texts = new SharedTexts();
  #failed: QueryFailed | undefined;

  rows(text: string): void {
    this.#failed ??= this.#read(parseJson(`[${text}]`));
  }

  /** @param body the response without the rows */
  end(status: number, body: string): QueryResult {
    const response = parseResult(status, body, 'vector');
    if (!response.ok) return response;
    const failure = this.#failed ?? this.#read(response.result);
    return failure ?? { ok: true, samples: this.#samples };
  }

  #read(rows: unknown): QueryFailed | undefined {
    const parsed = vector.safeParse(rows);
    if (!parsed.success) return failed('malformed', 'the vector does not have the documented shape');
    for (const [index, { value, histogram }] of parsed.data.entries()) {
      // As JSON.parse made it: the schema's copy takes twice the memory.
      const { metric } = (rows as { metric: Record<string, string> }[])[index]!;
      const named = (): string => JSON.stringify(metric);
      if (histogram !== undefined)
        return failed('histogram', `${named()} is a native histogram, not a number`);
      const number = value && parseValue(value[1]);
      if (number === undefined) return failed('malformed', `${named()} has no number`);
      this.#samples.push({ labels: this.#texts.in(metric), timestamp: value![0], value: number });
    }
    return undefined;
  }
}

/** Keeps each text once: a pod's name is in as many rows as it has series. */
export class SharedTexts {
  readonly #texts = new Map<string, string>();

  /** Replaces the texts in `labels`. */
  in(labels: Record<string, string>): Readonly<Record<string, string>> {
    for (const [name, text] of Object.entries(labels)) {
      labels[name] = getOrCompute(this.#texts, text, () => text);
    }
    return labels;
  }
}

/** Parses a response of `/api/v1/label/__name__/values`. Never throws. */
export function parseNamesResponse(status: number, body: string): NamesResult {
  const response = parseEnvelope(status, body);
  if (!response.ok) return response;
  const parsed = z.array(z.string()).safeParse(response.data);
  return parsed.success ? { ok: true, names: new Set(parsed.data) } : failed('malformed', NOT_THE_API);
}

/** Parses a response of `/api/v1/format_query`. Never throws. */
export function parseFormatResponse(status: number, body: string): FormatResult {
  const rejected = refusal.safeParse(parseJson(body));
  if (rejected.success) return { ok: true, refusal: rejected.data.error };
  const response = parseEnvelope(status, body);
  return response.ok ? { ok: true } : response;
}

/** Parses a response to a query, except for its result, of which it checks the type. */
export function parseResult(
  status: number,
  body: string,
  type: keyof typeof TYPES,
): { readonly ok: true; readonly result: unknown } | QueryFailed {
  const response = parseEnvelope(status, body);
  if (!response.ok) return response;
  const parsed = queryData.safeParse(response.data);
  if (!parsed.success) return failed('malformed', NOT_THE_API);
  const { resultType, result } = parsed.data;
  if (resultType === type) return { ok: true, result };
  return failed('wrong_type', `the expression returns a ${resultType}, not ${TYPES[type]}`);
}

/**
 * Parses what all responses of the HTTP API have in common.
 *
 * A response with warnings is rejected as a whole, because they do not say which series lack data. `infos`
 * (Prometheus 3) are remarks on the query's style and are ignored.
 */
function parseEnvelope(
  status: number,
  body: string,
): { readonly ok: true; readonly data: unknown } | QueryFailed {
  const json = parseJson(body);
  const error = refusal.safeParse(json);
  if (error.success)
    return failed(
      'query_error',
      `Prometheus rejected the query: ${error.data.errorType}: ${error.data.error}`,
    );
  if (status === 401 || status === 403) {
    return failed('unauthorized', `Prometheus returned HTTP ${status}; check its credentials`);
  }
  if (status !== 200) return failed('http', `Prometheus returned HTTP ${status}`);
  const parsed = success.safeParse(json);
  if (!parsed.success) return failed('malformed', NOT_THE_API);
  const { data, warnings, isPartial } = parsed.data;
  if (warnings && warnings.length > 0)
    return failed('partial', `Prometheus returned a warning: ${warnings.join('; ')}`);
  if (isPartial) return failed('partial', 'Prometheus returned a partial result');
  return { ok: true, data };
}

export function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** Parses a sample value as Prometheus writes it; undefined for anything else. */
export function parseValue(text: string): number | undefined {
  const value = Number(text);
  // JavaScript converts blank text to 0.
  if (value === 0 ? text.trim() !== '' : !Number.isNaN(value)) return value;
  if (text === 'NaN') return Number.NaN;
  if (text === '+Inf' || text === 'Inf') return Number.POSITIVE_INFINITY;
  return text === '-Inf' ? Number.NEGATIVE_INFINITY : undefined;
}

import pLimit, { type LimitFunction } from 'p-limit';
import { errorCode, errorMessage, KernscaleError } from '../../common/errors.js';
import { monotonic } from '../../common/monotonic.js';
import { CLOCK_TOLERANCE } from '../core/time.js';
import { Connection, MAX_RESPONSE_MIB, type HttpResponse, type RowReader } from './connection.js';
import type { HttpConfig } from './http-config.js';
import { LOOK_BACK, MatrixReader, sampleTimesAt, valuesAt, type Grid, type RangeResult } from './range.js';
import {
  failed,
  parseFormatResponse,
  parseNamesResponse,
  type FormatResult,
  type NamesResult,
  VectorReader,
  type QueryFailed,
  type QueryResult,
} from './response.js';
import type { ServerClock } from './server-clock.js';

/** Prometheus runs 20 queries at once by default; most of them are left to people. */
const MAX_CONCURRENT_QUERIES = 8;
const MISTIMED = "Prometheus' clock turned out to differ from the one that timed the query";
const TIMEOUTS = new Set(['ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT', 'ABORT_ERR']);

export interface PrometheusOptions {
  /** Base URL, with a path prefix if there is one; `user:password@` becomes basic authentication. */
  readonly url: string;
  /** Seconds that a query may take, connecting and retries included; also sent as the timeout of the query. */
  readonly timeout: number;
  readonly http?: HttpConfig;
  /** Sent with every query, for example `dedup=true` to Thanos. */
  readonly parameters?: readonly (readonly [name: string, value: string])[];
  /** Called after every query with its outcome (`success` or the failure) and its duration in seconds. */
  readonly onQuery?: (outcome: string, seconds: number) => void;
  /** Learns Prometheus' time from the answers. Queries timed by it fail where an answer shows that it was wrong. */
  readonly clock?: ServerClock;
}

interface ResponseReader<T> extends RowReader {
  /** @param body the response without the rows */
  end(status: number, body: string): T;
}

/** Readers of answers that are small. */
const NAMES_READER: ResponseReader<NamesResult> = { rows: () => undefined, end: parseNamesResponse };
const FORMAT_READER: ResponseReader<FormatResult> = { rows: () => undefined, end: parseFormatResponse };

/** Client of Prometheus' HTTP API with kept-alive connections and a bounded number of concurrent queries. */
export class PrometheusClient {
  readonly #options: PrometheusOptions;
  readonly #endpoint: URL;
  readonly #connection: Connection;
  readonly #limit: LimitFunction = pLimit(MAX_CONCURRENT_QUERIES);

  /** @throws KernscaleError `PROMETHEUS_URL` if the URL is invalid */
  constructor(options: PrometheusOptions) {
    this.#options = options;
    const { endpoint, credentials } = parseUrl(options.url);
    this.#endpoint = endpoint;
    const config = { ...options.http, ...credentials };
    this.#connection = new Connection(config, MAX_CONCURRENT_QUERIES, options.timeout);
  }

  /**
   * Evaluates an instant query. Never throws; the result carries the failure.
   *
   * @param time evaluation time in seconds since the epoch
   */
  query(expr: string, time: number): Promise<QueryResult> {
    return this.#request('query', { query: expr, time: time.toFixed(3) }, () => new VectorReader());
  }

  /** Evaluates a query at every time of a grid. Prometheus limits the grid to 11,000 times. Never throws. */
  queryRange(expr: string, grid: Grid): Promise<RangeResult> {
    const { from, step, count } = grid;
    const end = from + (count - 1) * step;
    const form = { query: expr, start: from.toFixed(3), end: end.toFixed(3), step: step.toFixed(3) };
    return this.#request('query_range', form, () => new MatrixReader(grid, valuesAt));
  }

  /**
   * Queries when the newest sample of each series was taken, at every time of a grid. Never throws.
   *
   * Reading the samples themselves costs Prometheus a fraction of evaluating `timestamp()` at many times.
   */
  sampleTimes(selector: string, grid: Grid): Promise<RangeResult> {
    const { from, step, count } = grid;
    const end = from + (count - 1) * step;
    const range = Math.ceil(end - from + LOOK_BACK);
    const form = { query: `${selector}[${range}s]`, time: end.toFixed(3) };
    return this.#request('query', form, () => new MatrixReader(grid, sampleTimesAt));
  }

  /** Queries the names of the metrics that have a sample between two times. Never throws. */
  metricNames(from: number, to: number): Promise<NamesResult> {
    const query = new URLSearchParams({ start: from.toFixed(3), end: to.toFixed(3) });
    return this.#request(`label/__name__/values?${query.toString()}`, undefined, () => NAMES_READER);
  }

  /** Asks the server to parse an expression, which takes no data. Never throws. */
  formatQuery(expr: string): Promise<FormatResult> {
    return this.#request('format_query', { query: expr }, () => FORMAT_READER);
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  /**
   * @param form sent in the body of a POST, since an expression may be longer than a URL; undefined sends a GET
   * @param newReader creates what reads the response
   */
  #request<T extends { readonly ok: true } | QueryFailed>(
    path: string,
    form: Readonly<Record<string, string>> | undefined,
    newReader: () => ResponseReader<T>,
  ): Promise<T | QueryFailed> {
    const { timeout, parameters = [], onQuery, clock } = this.#options;
    const timedBy = clock?.offset() ?? 0;
    const url = new URL(path, this.#endpoint);
    for (const [name, value] of parameters) url.searchParams.append(name, value);
    const body =
      form && new URLSearchParams({ ...form, timeout: `${Math.ceil(timeout * 1000)}ms` }).toString();
    return this.#limit(async () => {
      const started = monotonic();
      const sentAt = clock?.ticks() ?? 0;
      const result = await this.#connection
        .send(url, body, newReader)
        .then((response) => {
          const parsed = unreadable(response) ?? response.rows.end(response.status, response.body);
          if (!parsed.ok || !clock) return parsed;
          clock.observe(response.headers, sentAt);
          return Math.abs(clock.offset() - timedBy) > CLOCK_TOLERANCE ? failed('clock', MISTIMED) : parsed;
        })
        .catch((error: unknown) => transportFailure(error, this.#endpoint.host, timeout));
      onQuery?.(result.ok ? 'success' : result.failure, monotonic() - started);
      return result;
    });
  }
}

function parseUrl(text: string): { endpoint: URL; credentials?: Pick<HttpConfig, 'basic_auth'> } {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw new KernscaleError(
      'PROMETHEUS_URL',
      `"${text}" is not a valid Prometheus address; write it like http://prometheus:9090`,
    );
  }
  const [username, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  url.username = '';
  url.password = '';
  url.pathname = `${url.pathname.replace(/\/$/, '')}/api/v1/`;
  return username === ''
    ? { endpoint: url }
    : { endpoint: url, credentials: { basic_auth: { username, password } } };
}

/** Failure by the headers of a response. Redirects are not followed, because credentials would go with them. */
function unreadable({ status, headers }: HttpResponse): QueryFailed | undefined {
  const { location, 'content-encoding': encoding = 'identity' } = headers;
  if (status >= 300 && status < 400 && location !== undefined) {
    return failed(
      'http',
      `Prometheus returned HTTP ${status}: it moved to ${String(location)}; use that URL`,
    );
  }
  if (encoding === 'identity') return undefined;
  return failed(
    'malformed',
    `Prometheus returned a response encoded as ${String(encoding)}, which was not requested`,
  );
}

function transportFailure(error: unknown, host: string, timeout: number): QueryFailed {
  const name = error instanceof Error ? error.name : '';
  const code = errorCode(error) ?? '';
  if (name === 'TimeoutError' || TIMEOUTS.has(code)) {
    return failed('timeout', `Prometheus at ${host} sent no response within ${timeout} s`);
  }
  if (error instanceof KernscaleError) return failed('unauthorized', errorMessage(error));
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') {
    const bound = `a sixth of the heap of this process (--max-old-space-size)`;
    return failed('malformed', `Prometheus at ${host} returned more than ${MAX_RESPONSE_MIB} MiB, ${bound}`);
  }
  // A system error says no more than its code: its text repeats the address.
  const cause = /^E[A-Z_]+$/.test(code) ? code : errorMessage(error);
  return failed('unreachable', `Prometheus at ${host} is unreachable (${cause})`);
}

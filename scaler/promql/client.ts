import pLimit, { type LimitFunction } from 'p-limit';
import { request } from 'undici';
import { errorCode, errorMessage, KernscaleError } from '../../common/errors.js';
import { Connection } from './connection.js';
import type { HttpConfig } from './http-config.js';
import { parseNames } from './names.js';
import { LOOK_BACK, parseRangeResponse, parseSampleTimes, type Grid, type RangeResult } from './range.js';
import { failed, parseQueryResponse, type QueryFailed, type QueryResult } from './response.js';
import { persist, type HttpAnswer } from './retry.js';

/** Prometheus runs 20 queries at once by default; we must leave most of them to people. */
const MAX_CONCURRENT_QUERIES = 8;
const TIMEOUTS = new Set(['ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT', 'ABORT_ERR']);

export interface PrometheusOptions {
  /** Base URL, with a path prefix if there is one; `user:password@` becomes basic authentication. */
  readonly url: string;
  /** Seconds a query may take, connecting and retries included; also sent as the query's own time-out. */
  readonly timeout: number;
  readonly http?: HttpConfig;
  /** Sent with every query, for example `dedup=true` to Thanos. */
  readonly parameters?: readonly (readonly [name: string, value: string])[];
  /** Called after every query with its outcome (`success` or the failure) and its seconds. */
  readonly onQuery?: (outcome: string, seconds: number) => void;
}

/** A client of Prometheus' HTTP API with kept-alive connections and a bounded number of queries at once. */
export class PrometheusClient {
  readonly #options: PrometheusOptions;
  readonly #endpoint: URL;
  readonly #connection: Connection;
  readonly #limit: LimitFunction = pLimit(MAX_CONCURRENT_QUERIES);

  /** @throws KernscaleError `PROMETHEUS_URL` when the URL cannot be used */
  constructor(options: PrometheusOptions) {
    this.#options = options;
    const { endpoint, credentials } = parseUrl(options.url);
    this.#endpoint = endpoint;
    const config = { ...options.http, ...credentials };
    this.#connection = new Connection(config, MAX_CONCURRENT_QUERIES, options.timeout);
  }

  /**
   * Evaluates an instant query. Never throws: what went wrong is in the result.
   *
   * @param time evaluation time in seconds since the epoch
   */
  query(expr: string, time: number): Promise<QueryResult> {
    return this.#ask('query', { query: expr, time: time.toFixed(3) }, parseQueryResponse);
  }

  /** Evaluates a query at every time of a grid, of which Prometheus takes at most 11,000. Never throws. */
  queryRange(expr: string, grid: Grid): Promise<RangeResult> {
    const { from, step, count } = grid;
    const end = from + (count - 1) * step;
    const form = { query: expr, start: from.toFixed(3), end: end.toFixed(3), step: step.toFixed(3) };
    return this.#ask('query_range', form, (status, body) => parseRangeResponse(status, body, grid));
  }

  /**
   * Asks when the newest sample of each series of a selector was taken, at every time of a grid. Never throws.
   *
   * The samples themselves cost Prometheus a fraction of what `timestamp()` costs it at each of many times.
   */
  sampleTimes(selector: string, grid: Grid): Promise<RangeResult> {
    const { from, step, count } = grid;
    const end = from + (count - 1) * step;
    const range = Math.ceil(end - from + LOOK_BACK);
    const form = { query: `${selector}[${range}s]`, time: end.toFixed(3) };
    return this.#ask('query', form, (status, body) => parseSampleTimes(status, body, grid));
  }

  /** The names of the metrics that had a sample between two times. Never throws. */
  metricNames(from: number, to: number): Promise<ReturnType<typeof parseNames>> {
    const query = new URLSearchParams({ start: from.toFixed(3), end: to.toFixed(3) });
    return this.#ask(`label/__name__/values?${query.toString()}`, undefined, parseNames);
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  /**
   * @param form sent in the body of a POST, since expressions may be longer than a URL; undefined: a GET
   * @param parse reads status and body of the answer
   */
  #ask<T extends { readonly ok: true } | QueryFailed>(
    path: string,
    form: Readonly<Record<string, string>> | undefined,
    parse: (status: number, body: string) => T,
  ): Promise<T | QueryFailed> {
    return this.#limit(async () => {
      const started = performance.now();
      const result = await this.#persist(path, form)
        .then((answer) => notReadable(answer) ?? parse(answer.status, answer.body))
        .catch((error: unknown) => transportFailure(error, this.#options.timeout));
      this.#options.onQuery?.(result.ok ? 'success' : result.failure, (performance.now() - started) / 1000);
      return result;
    });
  }

  #persist(path: string, form: Readonly<Record<string, string>> | undefined): Promise<HttpAnswer> {
    const { timeout, parameters = [] } = this.#options;
    const url = new URL(path, this.#endpoint);
    for (const [name, value] of parameters) url.searchParams.append(name, value);
    const asked = { ...form, timeout: `${Math.ceil(timeout * 1000)}ms` };
    const body = form && new URLSearchParams(asked).toString();
    const deadline = AbortSignal.timeout(timeout * 1000);
    return persist(() => this.#send(url, body, deadline), timeout, deadline);
  }

  async #send(url: URL, body: string | undefined, signal: AbortSignal): Promise<HttpAnswer> {
    const response = await request(url, {
      dispatcher: await this.#connection.dispatcher(),
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        accept: 'application/json',
        'accept-encoding': 'identity',
        ...(body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
        ...(await this.#connection.headers()),
      },
      ...(body === undefined ? {} : { body }),
      signal,
    });
    const { statusCode: status, headers } = response;
    return { status, body: await response.body.text(), headers };
  }
}

function parseUrl(text: string): { endpoint: URL; credentials?: Pick<HttpConfig, 'basic_auth'> } {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw new KernscaleError(
      'PROMETHEUS_URL',
      `"${text}" is not the address of a Prometheus; write it like http://prometheus:9090`,
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

/** Why an answer is none, by its headers. Redirects are not followed: credentials would go along. */
function notReadable({ status, headers }: HttpAnswer): QueryFailed | undefined {
  const { location, 'content-encoding': encoding = 'identity' } = headers;
  if (status >= 300 && status < 400 && location !== undefined) {
    return failed('http', `Prometheus answered HTTP ${status}: it moved to ${String(location)}; ask there`);
  }
  if (encoding === 'identity') return undefined;
  return failed('malformed', `the answer is encoded as ${String(encoding)}, which was not asked for`);
}

function transportFailure(error: unknown, timeout: number): QueryFailed {
  const name = error instanceof Error ? error.name : '';
  if (name === 'TimeoutError' || TIMEOUTS.has(errorCode(error) ?? '')) {
    return failed('timeout', `no answer within ${timeout} s`);
  }
  if (error instanceof KernscaleError) return failed('unauthorized', errorMessage(error));
  if (errorCode(error) === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') {
    return failed('malformed', 'the answer is too large');
  }
  return failed('unreachable', `Prometheus cannot be reached: ${errorMessage(error)}`);
}

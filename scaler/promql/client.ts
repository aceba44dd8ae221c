import { readFile } from 'node:fs/promises';
import pLimit from 'p-limit';
import { Agent, request } from 'undici';
import { errorCode, errorMessage, KernscaleError } from '../../common/errors.js';
import { failed, parseQueryResponse, type QueryResult } from './response.js';

const MAX_RESPONSE_BYTES = 64 * 1024 * 1024;
/** Prometheus runs 20 queries at once by default; a scaler must leave most of them to people. */
const MAX_CONCURRENT_QUERIES = 8;
/** The server closed a kept-alive connection just as it was reused: nothing was evaluated, ask again. */
const STALE_CONNECTION = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);
const TIMEOUTS = new Set(['ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'ABORT_ERR']);

export interface PrometheusOptions {
  /** Base URL, with a path prefix if there is one; `user:password@` becomes basic authentication. */
  readonly url: string;
  /** Seconds a query may take, connecting included; also sent as the query's own time-out. */
  readonly timeout: number;
  /** Sent with every request, for example a tenant. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Read again for every query, since mounted tokens rotate. */
  readonly bearerTokenFile?: string | undefined;
  /** Called after every query with its outcome (`success` or the failure) and its seconds. */
  readonly onQuery?: (outcome: string, seconds: number) => void;
}

/** A client of Prometheus' HTTP API with kept-alive connections and a bounded number of queries at once. */
export class PrometheusClient {
  readonly #options: PrometheusOptions;
  readonly #endpoint: URL;
  readonly #authorization: string | undefined;
  readonly #agent: Agent;
  readonly #limit = pLimit(MAX_CONCURRENT_QUERIES);

  /** @throws KernscaleError `PROMETHEUS_URL` when the URL cannot be used */
  constructor(options: PrometheusOptions) {
    this.#options = options;
    const { endpoint, authorization } = parseUrl(options.url);
    this.#endpoint = endpoint;
    this.#authorization = authorization;
    this.#agent = new Agent({
      connections: MAX_CONCURRENT_QUERIES,
      maxResponseSize: MAX_RESPONSE_BYTES,
      connect: { timeout: options.timeout * 1000 },
    });
  }

  /**
   * Evaluates an instant query. Never throws: what went wrong is in the result.
   *
   * @param time evaluation time in seconds since the epoch
   */
  query(expr: string, time: number): Promise<QueryResult> {
    return this.#limit(async () => {
      const started = performance.now();
      const result = await this.#evaluate(expr, time);
      this.#options.onQuery?.(result.ok ? 'success' : result.failure, (performance.now() - started) / 1000);
      return result;
    });
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }

  async #evaluate(expr: string, time: number): Promise<QueryResult> {
    try {
      return await this.#post(expr, time).catch((error: unknown) => {
        if (STALE_CONNECTION.has(errorCode(error) ?? '')) return this.#post(expr, time);
        throw error;
      });
    } catch (error) {
      return transportFailure(error, this.#options.timeout);
    }
  }

  async #post(expr: string, time: number): Promise<QueryResult> {
    const { timeout } = this.#options;
    const form = new URLSearchParams({
      query: expr,
      time: time.toFixed(3),
      timeout: `${Math.ceil(timeout * 1000)}ms`,
    });
    const response = await request(this.#endpoint, {
      dispatcher: this.#agent,
      method: 'POST',
      headers: await this.#headers(),
      body: form.toString(),
      signal: AbortSignal.timeout(timeout * 1000),
    });
    return parseQueryResponse(response.statusCode, await response.body.text());
  }

  async #headers(): Promise<Record<string, string>> {
    const { bearerTokenFile, headers } = this.#options;
    return {
      'content-type': 'application/x-www-form-urlencoded',
      accept: 'application/json',
      ...(this.#authorization && { authorization: this.#authorization }),
      ...(bearerTokenFile && { authorization: await bearerToken(bearerTokenFile) }),
      ...headers,
    };
  }
}

function parseUrl(text: string): { endpoint: URL; authorization?: string } {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw new KernscaleError(
      'PROMETHEUS_URL',
      `"${text}" is not the address of a Prometheus; write it like http://prometheus:9090`,
    );
  }
  const { username, password } = url;
  url.username = '';
  url.password = '';
  url.pathname = `${url.pathname.replace(/\/$/, '')}/api/v1/query`;
  if (!username) return { endpoint: url };
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { endpoint: url, authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

async function bearerToken(file: string): Promise<string> {
  try {
    return `Bearer ${(await readFile(file, 'utf8')).trim()}`;
  } catch (cause) {
    throw new KernscaleError('PROMETHEUS_TOKEN', `cannot read the bearer token in ${file}`, { cause });
  }
}

function transportFailure(error: unknown, timeout: number): QueryResult {
  const name = error instanceof Error ? error.name : '';
  if (name === 'TimeoutError' || TIMEOUTS.has(errorCode(error) ?? '')) {
    return failed('timeout', `no answer within ${timeout} s`);
  }
  if (error instanceof KernscaleError) return failed('unauthorized', errorMessage(error));
  if (errorCode(error) === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') {
    return failed('malformed', `the answer exceeds ${MAX_RESPONSE_BYTES} bytes`);
  }
  return failed('unreachable', `Prometheus cannot be reached: ${errorMessage(error)}`);
}

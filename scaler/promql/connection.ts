import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { getHeapStatistics } from 'node:v8';
import { Agent, request, type Dispatcher } from 'undici';
import { untilAborted } from '../../common/deadline.js';
import { errorCode, KernscaleError } from '../../common/errors.js';
import { JsonArraySplitter } from '../../common/json-array.js';
import { VERSIONS as TLS_VERSIONS } from '../../common/web-config-schema.js';
import type { HttpConfig } from './http-config.js';

/**
 * A sixth of the heap's limit: the rows of a response take about as much memory as its text, and several queries run at
 * once.
 */
export const MAX_RESPONSE_MIB = Math.floor(getHeapStatistics().heap_size_limit / 6 / 1024 ** 2);
const MAX_RESPONSE_BYTES = MAX_RESPONSE_MIB * 1024 ** 2;
const ROWS = ['data', 'result'];
const ATTEMPTS = 4;
const FIRST_BACKOFF_MS = 100;
/** Statuses of a proxy without a backend, and of a server that limits the request rate. */
const TEMPORARY = new Set([429, 502, 503, 504]);
/** Names and values of headers (RFC 9110). */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Errors of a connection that breaks, for example a kept-alive one that the server closes just as it is reused. */
const BROKEN_CONNECTION = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

/** Reads the rows of a response as they arrive. */
export interface RowReader {
  /** @param text some rows, as they are between the brackets; never throws */
  rows(text: string): void;
}

export interface HttpResponse<Rows extends RowReader = RowReader> {
  readonly status: number;
  /** Without the rows. */
  readonly body: string;
  readonly rows: Rows;
  /** Bytes, rows included. */
  readonly length: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

interface TlsFiles {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/**
 * Kept-alive connections to one server, with its TLS settings and credentials. Files with secrets are read again for
 * every request, because mounted Secrets rotate; a new certificate opens new connections.
 */
export class Connection {
  #agent: Agent | undefined;
  #files: TlsFiles | undefined;

  /**
   * @param connections maximum number of connections
   * @param timeout seconds that a request may take, connecting and retries included
   */
  constructor(
    private readonly config: HttpConfig,
    private readonly connections: number,
    private readonly timeout: number,
  ) {}

  /**
   * Sends a request that is safe to repeat, up to four times, until its response is final. Backoff doubles and is
   * random, so that clients do not retry in step; `Retry-After` extends it.
   *
   * undici's retry interceptor does not fit. It cannot see the body, by which Prometheus' own 503 differs from a
   * proxy's; it resumes a broken response with a range request, which Prometheus does not serve; and it neither
   * observes the abort signal during a pause nor returns a response whose Retry-After exceeds the time left.
   *
   * @param form body of a POST; undefined sends a GET
   * @param newRows creates what reads the rows of a response, which each attempt begins anew
   * @throws KernscaleError `PROMETHEUS_SECRET` if a file cannot be read, or an error of undici
   */
  async send<Rows extends RowReader>(
    url: URL,
    form: string | undefined,
    newRows: () => Rows,
  ): Promise<HttpResponse<Rows>> {
    const end = performance.now() + this.timeout * 1000;
    const deadline = AbortSignal.timeout(this.timeout * 1000);
    return untilAborted(
      deadline,
      this.#untilFinal(() => this.#attempt(url, form, deadline, newRows()), end, deadline),
    );
  }

  async #untilFinal<Response extends HttpResponse>(
    send: () => Promise<Response>,
    end: number,
    deadline: AbortSignal,
  ): Promise<Response> {
    for (let attempt = 1; ; attempt++) {
      const response = await send().catch((error: unknown) => {
        if (attempt === ATTEMPTS || !BROKEN_CONNECTION.has(errorCode(error) ?? '')) throw error;
        return undefined;
      });
      if (response && (attempt === ATTEMPTS || !isTemporary(response))) return response;
      const backoff = Math.random() * FIRST_BACKOFF_MS * 2 ** (attempt - 1);
      const pause = Math.max(backoff, (Number(response?.headers['retry-after']) || 0) * 1000);
      if (response && performance.now() + pause >= end) return response;
      await sleep(pause, undefined, { signal: deadline, ref: false });
    }
  }

  async close(): Promise<void> {
    await this.#agent?.destroy();
  }

  async #attempt<Rows extends RowReader>(
    url: URL,
    form: string | undefined,
    signal: AbortSignal,
    rows: Rows,
  ): Promise<HttpResponse<Rows>> {
    const response = await request(url, {
      dispatcher: await this.#dispatcher(),
      method: form === undefined ? 'GET' : 'POST',
      headers: {
        accept: 'application/json',
        'accept-encoding': 'identity',
        ...(form !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
        ...(await this.#headers()),
      },
      ...(form !== undefined && { body: form }),
      signal,
    });
    const { statusCode: status, headers } = response;
    const onElements = (text: string): void => {
      rows.rows(text);
    };
    const splitter = new JsonArraySplitter({ path: ROWS, maxHeld: MAX_RESPONSE_BYTES, onElements });
    for await (const chunk of response.body) splitter.write(chunk as Buffer);
    return { status, body: splitter.end(), rows, length: splitter.length, headers };
  }

  async #dispatcher(): Promise<Dispatcher> {
    const { ca_file, cert_file, key_file, ...tls } = this.config.tls_config ?? {};
    const [ca, cert, key] = await Promise.all([ca_file, cert_file, key_file].map(readIfNamed));
    const known = this.#files;
    if (this.#agent && known?.ca === ca && known?.cert === cert && known?.key === key) return this.#agent;
    // Requests in flight finish on their connections.
    this.#agent?.close().catch(() => undefined);
    this.#files = { ca, cert, key };
    return (this.#agent = new Agent({
      connections: this.connections,
      maxResponseSize: MAX_RESPONSE_BYTES,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: {
        timeout: this.timeout * 1000,
        ...(ca !== undefined && { ca }),
        ...(cert !== undefined && { cert }),
        ...(key !== undefined && { key }),
        ...(tls.server_name !== undefined && { servername: tls.server_name }),
        ...(tls.min_version !== undefined && { minVersion: TLS_VERSIONS[tls.min_version] }),
        rejectUnauthorized: tls.insecure_skip_verify !== true,
      },
    }));
  }

  async #headers(): Promise<Record<string, string | string[]>> {
    const authorization = await this.#authorization();
    const own = await Promise.all(
      Object.entries(this.config.http_headers ?? {}).map(
        async ([name, { values = [], files = [] }]): Promise<[string, string[]]> => {
          return [name, [...values, ...(await Promise.all(files.map(readSecret)))]];
        },
      ),
    );
    const headers = Object.fromEntries(own.map(([name, values]) => [name.toLowerCase(), values]));
    for (const [name, values] of own) checkHeader(name, values, this.config.http_headers?.[name]?.files);
    if (authorization === undefined) return headers;
    checkHeader('authorization', [authorization], [this.config.authorization?.credentials_file ?? '']);
    return { authorization, ...headers };
  }

  async #authorization(): Promise<string | undefined> {
    const { basic_auth: basic, authorization: other } = this.config;
    if (basic) {
      const password = basic.password ?? (await readSecret(basic.password_file!));
      return `Basic ${Buffer.from(`${basic.username}:${password}`).toString('base64')}`;
    }
    if (!other) return undefined;
    return `${other.type ?? 'Bearer'} ${other.credentials ?? (await readSecret(other.credentials_file!))}`;
  }
}

/** An error of Prometheus itself is final, for example that the query took too long. */
function isTemporary({ status, body }: HttpResponse): boolean {
  return TEMPORARY.has(status) && (status === 429 || !body.includes('"errorType"'));
}

/**
 * undici loses the connection of a request with such a header, so that later requests wait for ever.
 *
 * @param files that its values may come from
 * @throws KernscaleError `PROMETHEUS_SECRET`
 */
function checkHeader(name: string, values: readonly string[], files: readonly string[] = []): void {
  if (TOKEN.test(name) && values.every((value) => FIELD_VALUE.test(value))) return;
  const source = files.filter((file) => file !== '').join(', ') || 'the configuration';
  throw new KernscaleError(
    'PROMETHEUS_SECRET',
    `the header ${name} has a character that no header may hold; repair ${source}`,
  );
}

async function readIfNamed(file: string | undefined): Promise<string | undefined> {
  return file === undefined ? undefined : readSecret(file);
}

async function readSecret(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw new KernscaleError('PROMETHEUS_SECRET', `cannot read ${file}`, { cause });
  }
}

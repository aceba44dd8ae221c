import http from 'node:http';
import https from 'node:https';
import { KernscaleError } from './errors.js';
import type { ApiAccess } from './kubernetes-access.js';

const RESPONSE_SECONDS = 30;
const KEEP_ALIVE_MS = 30_000;

/** An error response of the API server; `status` is the HTTP status, or that of a watch's ERROR event. */
export class ApiStatusError extends KernscaleError {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super('API_STATUS', message);
  }
}

interface ApiRequest {
  path: string;
  query: Readonly<Record<string, string | undefined>>;
  signal: AbortSignal;
  /** Time-out for a response that has begun and sends nothing more. */
  idleSeconds: number;
  /** Time-out from the start of the connection to the start of the response; default 30. */
  responseSeconds?: number;
}

/**
 * Sends a GET request with client-node's credentials, proxy and TLS settings, and returns the response to read from.
 * client-node's own `Watch` can neither be stopped nor time out before the server responds, and hides malformed lines.
 *
 * @throws ApiStatusError for any status but 200; KernscaleError `API_UNREACHABLE`
 */
export async function openRequest(config: ApiAccess, request: ApiRequest): Promise<http.IncomingMessage> {
  const response = await send(config, request).catch((cause: unknown) => {
    throw new KernscaleError('API_UNREACHABLE', 'cannot reach the Kubernetes API', { cause });
  });
  if (response.statusCode === 200) return response;
  const status = response.statusCode ?? 0;
  throw new ApiStatusError(status, await describeStatus(response, status));
}

async function send(config: ApiAccess, request: ApiRequest): Promise<http.IncomingMessage> {
  const url = requestUrl(config, request);
  const options: https.RequestOptions = { headers: { accept: 'application/json' }, signal: request.signal };
  await config.applyToHTTPSOptions(options);
  const headers = options.headers as Record<string, string>;
  // A token file usually ends with a newline, which is not allowed in a header.
  if (headers['Authorization']) headers['Authorization'] = headers['Authorization'].trim();
  return new Promise((resolve, reject) => {
    const client = url.protocol === 'http:' ? http : https;
    const silent = () => sent.destroy(new Error('the server does not respond'));
    // The request's own time-out begins anew with each step of a TLS handshake.
    const deadline = setTimeout(silent, (request.responseSeconds ?? RESPONSE_SECONDS) * 1000);
    const sent = client.get(url, options, (response) => {
      clearTimeout(deadline);
      sent.setTimeout(request.idleSeconds * 1000);
      resolve(response);
    });
    sent.on('timeout', silent);
    sent.on('socket', (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS));
    sent.on('close', () => {
      clearTimeout(deadline);
    });
    sent.on('error', reject);
  });
}

function requestUrl(config: ApiAccess, { path, query }: ApiRequest): URL {
  const server = config.getCurrentCluster()?.server ?? '';
  const url = new URL(server + path);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  return url;
}

async function describeStatus(response: http.IncomingMessage, status: number): Promise<string> {
  const name = `${status} ${http.STATUS_CODES[status] ?? ''}`.trimEnd();
  const message = messageOfStatus(await readText(response).catch(() => undefined));
  return `the Kubernetes API responded with ${name}${message === undefined ? '' : `: ${message}`}`;
}

/** The message of a `Status` object, which is the body of an error response; client-node leaves some bodies as text. */
export function messageOfStatus(body: unknown): string | undefined {
  try {
    const status = (typeof body === 'string' ? JSON.parse(body) : body) as { message?: unknown } | undefined;
    return typeof status?.message === 'string' ? status.message : undefined;
  } catch {
    return undefined;
  }
}

export async function readText(response: http.IncomingMessage): Promise<string> {
  response.setEncoding('utf8');
  let text = '';
  for await (const chunk of response) text += chunk as string;
  return text;
}

/** Lines of a response as they arrive; throws if the connection breaks before the response is complete. */
export async function* readLines(response: http.IncomingMessage): AsyncGenerator<string> {
  response.setEncoding('utf8');
  let rest = '';
  for await (const chunk of response) {
    const lines = (rest + (chunk as string)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines.filter((line) => line !== '');
  }
}

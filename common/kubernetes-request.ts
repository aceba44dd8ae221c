import http from 'node:http';
import https from 'node:https';
import { KernscaleError } from './errors.js';
import type { ApiAccess } from './kubernetes-access.js';

const ANSWER_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 30_000;

/** The API server answered, but with an error; `status` is the HTTP status or the one of a watch's ERROR event. */
export class ApiStatusError extends KernscaleError {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super('API_STATUS', message);
  }
}

export interface ApiRequest {
  path: string;
  query: Readonly<Record<string, string | undefined>>;
  signal: AbortSignal;
  /** Give up when nothing arrives for this long after the answer began. */
  idleSeconds: number;
}

/**
 * Opens a GET request with the credentials of the kubeconfig and answers the response to read from.
 * `Watch` of client-node can neither be stopped nor time out before the server has answered, and hides
 * garbled lines; hence a request of our own with that library's credentials, proxy and TLS settings.
 *
 * @throws ApiStatusError for any status but 200; KernscaleError `API_UNREACHABLE`
 */
export async function openRequest(config: ApiAccess, request: ApiRequest): Promise<http.IncomingMessage> {
  const response = await send(config, request).catch((cause: unknown) => {
    throw new KernscaleError('API_UNREACHABLE', 'the Kubernetes API cannot be reached', { cause });
  });
  if (response.statusCode === 200) return response;
  const status = response.statusCode ?? 0;
  throw new ApiStatusError(status, await statusMessage(response, status));
}

async function send(config: ApiAccess, request: ApiRequest): Promise<http.IncomingMessage> {
  const url = requestUrl(config, request);
  const options: https.RequestOptions = { headers: { accept: 'application/json' }, signal: request.signal };
  await config.applyToHTTPSOptions(options);
  const headers = options.headers as Record<string, string>;
  // A token file usually ends in a newline, which no header may contain.
  if (headers['Authorization']) headers['Authorization'] = headers['Authorization'].trim();
  return new Promise((resolve, reject) => {
    const client = url.protocol === 'http:' ? http : https;
    const sent = client.get(url, options, (response) => {
      sent.setTimeout(request.idleSeconds * 1000);
      resolve(response);
    });
    sent.setTimeout(ANSWER_TIMEOUT_MS);
    sent.on('timeout', () => sent.destroy(new Error('the server stays silent')));
    sent.on('socket', (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS));
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

async function statusMessage(response: http.IncomingMessage, status: number): Promise<string> {
  const fallback = `the Kubernetes API answered ${status} ${http.STATUS_CODES[status] ?? ''}`.trimEnd();
  try {
    const body = JSON.parse(await readText(response)) as { message?: unknown };
    return typeof body.message === 'string' ? `${fallback}: ${body.message}` : fallback;
  } catch {
    return fallback;
  }
}

/** Reads a response to its end. */
export async function readText(response: http.IncomingMessage): Promise<string> {
  response.setEncoding('utf8');
  let text = '';
  for await (const chunk of response) text += chunk as string;
  return text;
}

/** The lines of a response as they arrive; throws when the connection breaks before the answer is complete. */
export async function* readLines(response: http.IncomingMessage): AsyncGenerator<string> {
  response.setEncoding('utf8');
  let rest = '';
  for await (const chunk of response) {
    const lines = (rest + (chunk as string)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines.filter((line) => line !== '');
  }
}

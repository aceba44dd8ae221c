import {
  createConfiguration,
  PatchStrategy,
  ServerConfiguration,
  type Configuration,
  type KubeConfig,
} from '@kubernetes/client-node';
import { errorCode, errorMessage, KernscaleError } from '../../common/errors.js';

/** Seconds after which an unanswered request to the Kubernetes API is given up. */
const API_TIMEOUT_SECONDS = 10;

/**
 * Configuration for client-node's API classes with what they lack: a time-out, and JSON merge patches (their
 * default, JSON patch, wants a list of operations).
 *
 * @param stop aborts the requests under way
 * @param timeout seconds
 */
export function apiConfiguration(
  config: KubeConfig,
  stop: AbortSignal,
  timeout = API_TIMEOUT_SECONDS,
): Configuration {
  return createConfiguration({
    baseServer: new ServerConfiguration(config.getCurrentCluster()?.server ?? '', {}),
    authMethods: { default: config },
    promiseMiddleware: [
      {
        pre: (request) => {
          request.setSignal(AbortSignal.any([stop, AbortSignal.timeout(timeout * 1000)]));
          if (request.getHttpMethod().toString() === 'PATCH') {
            request.setHeaderParam('Content-Type', PatchStrategy.MergePatch);
          }
          return Promise.resolve(request);
        },
        post: (response) => Promise.resolve(response),
      },
    ],
  });
}

const CODES: Readonly<Record<number, string>> = {
  401: 'API_UNAUTHORIZED',
  403: 'API_FORBIDDEN',
  404: 'API_NOT_FOUND',
  409: 'API_CONFLICT',
  422: 'API_INVALID',
  429: 'API_THROTTLED',
};

/**
 * Turns what client-node throws into a typed error: a code per HTTP status that matters, `API_REFUSED` for
 * any other status, `API_TIMEOUT` and `API_UNREACHABLE` when there was no answer.
 */
export function apiError(what: string, error: unknown): KernscaleError {
  if (error instanceof KernscaleError) return error;
  const status = httpStatus(error);
  if (status !== undefined) {
    return new KernscaleError(CODES[status] ?? 'API_REFUSED', `${what}: ${statusMessage(error, status)}`);
  }
  if (error instanceof Error && error.name === 'AbortError') {
    return new KernscaleError('API_TIMEOUT', `${what}: the Kubernetes API did not answer in time`);
  }
  const detail = errorMessage(error) || (errorCode(error) ?? 'no answer');
  return new KernscaleError('API_UNREACHABLE', `${what}: the Kubernetes API cannot be reached: ${detail}`);
}

function httpStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'number' ? error.code : undefined;
}

/** The message of the `Status` object in the body; client-node leaves some bodies as text. */
function statusMessage(error: unknown, status: number): string {
  const fallback = `the Kubernetes API answered ${status}`;
  try {
    const { body } = error as { body?: unknown };
    const object = (typeof body === 'string' ? JSON.parse(body) : body) as { message?: unknown } | undefined;
    return typeof object?.message === 'string' ? object.message : fallback;
  } catch {
    return fallback;
  }
}

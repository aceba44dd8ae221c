import {
  createConfiguration,
  PatchStrategy,
  ServerConfiguration,
  type Configuration,
  type KubeConfig,
} from '@kubernetes/client-node';
import { KernscaleError } from '../../common/errors.js';
import { messageOfStatus } from '../../common/kubernetes-request.js';

/** Default time-out of a request, seconds. */
const API_TIMEOUT_SECONDS = 10;

/**
 * Configuration for client-node's API classes that adds a time-out, and sends JSON merge patches (their default, JSON
 * patch, needs a list of operations).
 *
 * @param stop aborts running requests
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
 * Converts an error of client-node: a code per HTTP status that matters, `API_REFUSED` for any other status, and
 * `API_TIMEOUT` or `API_UNREACHABLE` without a response.
 *
 * @param action start of the message: `cannot read the lease`
 */
export function apiError(action: string, error: unknown): KernscaleError {
  if (error instanceof KernscaleError) return error;
  const status = httpStatus(error);
  if (status !== undefined) {
    const { body } = error as { body?: unknown };
    const message = messageOfStatus(body) ?? `the Kubernetes API responded with HTTP status ${status}`;
    return new KernscaleError(CODES[status] ?? 'API_REFUSED', `${action}: ${message}`);
  }
  if (error instanceof Error && ['AbortError', 'TimeoutError'].includes(error.name)) {
    return new KernscaleError('API_TIMEOUT', `${action}: the Kubernetes API did not respond in time`);
  }
  return new KernscaleError('API_UNREACHABLE', `${action}: cannot reach the Kubernetes API`, {
    cause: error,
  });
}

function httpStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'number' ? error.code : undefined;
}

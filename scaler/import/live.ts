import { KernscaleError } from '../../common/errors.js';
import type { ApiAccess } from '../../common/kubernetes-access.js';
import { ApiStatusError, openRequest, readText } from '../../common/kubernetes-request.js';
import { manifestsIn, type Manifest } from './manifests.js';

const TIMEOUT_SECONDS = 30;
const NOT_FOUND = 404;

/**
 * Reads the autoscalers of a cluster. One without KEDA has no ScaledObjects.
 *
 * @param namespace undefined: all
 * @throws KernscaleError `API_UNREACHABLE` or `API_STATUS`
 */
export async function readAutoscalers(config: ApiAccess, namespace: string | undefined): Promise<Manifest[]> {
  const within = namespace === undefined ? '' : `namespaces/${encodeURIComponent(namespace)}/`;
  const autoscalers = await list(config, `/apis/autoscaling/v2/${within}horizontalpodautoscalers`);
  const scaledObjects = await list(config, `/apis/keda.sh/v1alpha1/${within}scaledobjects`).catch(
    (error: unknown) => {
      if (error instanceof ApiStatusError && error.status === NOT_FOUND) return [];
      throw error;
    },
  );
  return [...autoscalers, ...scaledObjects];
}

async function list(config: ApiAccess, path: string): Promise<Manifest[]> {
  const signal = AbortSignal.timeout(TIMEOUT_SECONDS * 1000);
  const response = await openRequest(config, { path, query: {}, signal, idleSeconds: TIMEOUT_SECONDS });
  const text = await readText(response);
  try {
    return manifestsIn(JSON.parse(text)).map(({ kind, value }) => ({ kind, value }));
  } catch (cause) {
    throw new KernscaleError('API_UNREADABLE', `the Kubernetes API did not send JSON for ${path}`, { cause });
  }
}

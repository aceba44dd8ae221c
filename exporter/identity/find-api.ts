import { inPod, ServiceAccountAccess, type ApiAccess } from '../../common/kubernetes-access.js';

/** Somebody has said which cluster is meant; `~/.kube/config` alone may be about any. */
export function isClusterGiven(file?: string): boolean {
  return file !== undefined || inPod() || Boolean(process.env['KUBECONFIG']);
}

/**
 * As `loadKubeConfig`, loading client-node only when there is a kubeconfig to read.
 *
 * @throws KernscaleError `KUBECONFIG_INVALID` or `KUBECONFIG_MISSING`
 */
export async function findApi(file?: string): Promise<ApiAccess> {
  if (file === undefined && inPod()) return new ServiceAccountAccess();
  const { loadKubeConfig } = await import('../../common/kubeconfig.js');
  return loadKubeConfig(file);
}

import { AppsV1Api, CoreV1Api, type V1Pod } from '@kubernetes/client-node';
import { deployment, eventually, kubeConfig, type DeploymentShape } from './harness.js';
import type { Cluster } from '../../sandbox/cluster/index.js';

export const namespace = 'shop';

/** Helpers for the pods of the namespace `shop`, through the API. */
export class Shop {
  readonly core: CoreV1Api;
  readonly apps: AppsV1Api;

  constructor(readonly cluster: Cluster) {
    this.core = kubeConfig(cluster).makeApiClient(CoreV1Api);
    this.apps = kubeConfig(cluster).makeApiClient(AppsV1Api);
  }

  async podsOf(app: string): Promise<V1Pod[]> {
    return (await this.core.listNamespacedPod({ namespace, labelSelector: `app=${app}` })).items;
  }

  /** Waits for exactly this number of pods, all ready. */
  async readyPods(app: string, count = 1): Promise<V1Pod[]> {
    return eventually(async () => {
      const pods = await this.podsOf(app);
      return pods.length === count && pods.every(isReady) && pods;
    });
  }

  /** Applies a Deployment and waits for its pods. @returns the first */
  async start(name: string, shape: DeploymentShape = {}): Promise<V1Pod> {
    await this.cluster.apply(deployment(name, shape));
    const [pod] = await this.readyPods(name, shape.replicas ?? 1);
    return pod!;
  }

  async end(name: string): Promise<void> {
    await this.apps.deleteNamespacedDeployment({ namespace, name });
  }
}

export function isReady(pod: V1Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

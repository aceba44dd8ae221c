import type { ApiAccess } from '../../common/kubernetes-access.js';
import { watchResource, type Watched } from '../../common/kubernetes-watch.js';
import type { Logger } from '../../common/log.js';
import { parseCgroupPath, parsePodPath, type ParsePath } from '../cgroups/path.js';
import { indexPods, knownPod, type KnownPod } from './pods.js';
import type { PodIdentity, Source } from './source.js';

/**
 * Watches the pods of one node. If there are none, the node's name is most likely wrong: a field selector that matches
 * nothing is no error.
 */
export function watchPods(config: ApiAccess, nodeName: string, log: Logger): Watched<KnownPod> {
  const fieldSelector = `spec.nodeName=${nodeName}`;
  const pods = watchResource({
    config,
    path: '/api/v1/pods',
    fieldSelector,
    keep: knownPod,
    log,
  });
  void pods.synced.then(() => {
    if (pods.list().length > 0) return;
    log.warn(
      { node: nodeName },
      'the API server has no pod on this node; set --kubernetes.node-name to its name in the API',
    );
  });
  return pods;
}

/** Names containers by the pods of this node in the Kubernetes API. */
export class KubernetesSource implements Source {
  readonly parse: ParsePath = (path) => parseCgroupPath(path) ?? parsePodPath(path);
  #identities: ReadonlyMap<string, PodIdentity> = new Map();
  #stale = true;

  constructor(private readonly pods: Watched<KnownPod>) {
    pods.onChange(() => {
      this.#stale = true;
    });
  }

  identities(): ReadonlyMap<string, PodIdentity> {
    if (this.#stale) {
      this.#identities = indexPods(this.pods.list());
      this.#stale = false;
    }
    return this.#identities;
  }

  get hasSynced(): boolean {
    return this.pods.hasSynced;
  }

  get restarts(): number {
    return this.pods.restarts;
  }

  stop(): void {
    this.pods.stop();
  }
}

import type { ApiAccess } from '../../common/kubernetes-access.js';
import { watchResource, type Watched } from '../../common/kubernetes-watch.js';
import type { Logger } from '../../common/log.js';
import { parseCgroupPath, parsePodPath } from '../cgroups/path.js';
import type { Pod } from './pod.js';
import { indexPods, knownPod, type KnownPod, type PodIdentity } from './pods.js';
import type { CgroupKey, Source } from './source.js';

/**
 * Follows the pods of one node. A node without any is most likely another node's name: field selectors match exactly
 * or, without a word, not at all.
 */
export function watchPods(config: ApiAccess, nodeName: string, log: Logger): Watched<KnownPod> {
  const fieldSelector = `spec.nodeName=${nodeName}`;
  const pods = watchResource<Pod, KnownPod>({
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
      'the API knows no pod on this node; --kubernetes.node-name gives its name there',
    );
  });
  return pods;
}

/** Names containers by this node's pods as the API server lists them. */
export class KubernetesSource implements Source {
  readonly parse = (path: string): CgroupKey | undefined => parseCgroupPath(path) ?? parsePodPath(path);
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

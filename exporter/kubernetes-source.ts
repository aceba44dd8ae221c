import type { Watched } from '../common/kubernetes-watch.js';
import { parseCgroupPath, parsePodPath } from './cgroup-path.js';
import type { Pod } from './pod.js';
import { indexPods, type PodIdentity } from './pods.js';
import type { CgroupKey, Source } from './source.js';

/** Names containers by this node's pods as the API server lists them. */
export class KubernetesSource implements Source {
  readonly parse = (path: string): CgroupKey | undefined => parseCgroupPath(path) ?? parsePodPath(path);
  #identities: ReadonlyMap<string, PodIdentity> = new Map();
  #stale = true;

  constructor(private readonly pods: Watched<Pod>) {
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

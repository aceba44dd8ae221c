import { parseKey, workloadKey, type ScaleTargetRef, type WorkloadKey } from '../core/types.js';
import type { WatchedWorkload } from '../kubernetes/objects.js';
import type { Scale, ScaleClient } from '../kubernetes/scale.js';
import { KernscaleError } from '../../common/errors.js';
import type { RoundSources } from '../loop/round.js';
import type { RawTest } from './schema.js';

type TestWorkload = WatchedWorkload & { readonly replicas: number };

/** Stand-in for the cluster, with the workloads of a test. A workload that is scaled has its new replicas in the next round. */
export class TestCluster {
  readonly view: RoundSources['cluster'];
  readonly scales: Pick<ScaleClient, 'get' | 'set'>;
  readonly #workloads = new Map<WorkloadKey, TestWorkload>();

  constructor({ workloads, namespaces = {} }: Pick<RawTest, 'workloads' | 'namespaces'>) {
    const byAddress = new Map<string, ScaleTargetRef>();
    for (const [key, { apiVersion = 'apps/v1', replicas, labels = {}, addresses = [] }] of Object.entries(
      workloads,
    )) {
      const id = parseKey(key);
      if (!id) continue;
      const ref = { apiVersion, ...id };
      const namespaceLabels = namespaces[id.namespace] ?? {};
      this.#workloads.set(key, { ref, uid: key, labels, namespaceLabels, replicas });
      for (const address of addresses) byAddress.set(address, ref);
    }
    this.view = {
      synced: true,
      workloads: () => [...this.#workloads.values()],
      topology: () => ({
        resolve: (peer) => {
          const ref = byAddress.get(peer);
          return ref && { workloads: [ref] };
        },
      }),
    };
    this.scales = {
      get: (target) => Promise.resolve(scaleOf(this.#find(target))),
      set: (target, replicas) => {
        const changed = { ...this.#find(target), replicas };
        this.#workloads.set(workloadKey(target), changed);
        return Promise.resolve(scaleOf(changed));
      },
    };
  }

  #find(target: ScaleTargetRef): TestWorkload {
    const key = workloadKey(target);
    const workload = this.#workloads.get(key);
    if (workload) return workload;
    throw new KernscaleError('TARGET_NOT_FOUND', `the test has no workload ${key}`);
  }
}

function scaleOf({ replicas, uid }: TestWorkload): Scale {
  return { replicas, uid, resourceVersion: '' };
}

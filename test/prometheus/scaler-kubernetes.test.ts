import { CustomObjectsApi, type KubeConfig } from '@kubernetes/client-node';
import { expect } from 'chai';
import { eventually } from '../eventually.js';
import { loadKubeConfig } from '../../common/kubeconfig.js';
import { createLogger } from '../../common/log.js';
import { workloadKey } from '../../scaler/core/types.js';
import { ClusterView } from '../../scaler/kubernetes/cluster.js';
import { LeaderElection } from '../../scaler/kubernetes/leader.js';
import { ScaleClient } from '../../scaler/kubernetes/scale.js';
import { startFaultyCluster, type FaultyCluster } from '../cluster/faults.js';

import { shop } from './scaler-harness.js';

const CART = { apiVersion: 'apps/v1', kind: 'StatefulSet', namespace: 'shop', name: 'cart' };
const log = createLogger({ level: 'silent', format: 'text' });

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return 'no error';
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

describe('scaler with a Kubernetes API', function () {
  this.timeout(60_000);
  let cluster: FaultyCluster;
  let config: KubeConfig;
  const abort = new AbortController();

  before(async () => {
    cluster = await startFaultyCluster({ images: {} });
    await cluster.apply(shop({ cart: 2, db: 1 }));
    config = loadKubeConfig(cluster.kubeconfigPath);
  });

  after(async () => {
    abort.abort();
    await cluster.stop();
  });

  describe('ScaleClient', () => {
    let scales: ScaleClient;

    beforeEach(() => {
      cluster.faults.clear();
      scales = new ScaleClient(config, abort.signal);
    });

    /** Retries after conflicts, because controllers write the object's status at any time. */
    async function scaleTo(replicas: number): Promise<void> {
      await eventually('no conflict', async () => {
        const { resourceVersion } = await scales.get(CART);
        const code = await codeOf(scales.set(CART, replicas, resourceVersion));
        expect(code).to.be.oneOf(['no error', 'API_CONFLICT']);
        return code === 'no error';
      });
    }

    it('reads and sets replicas', async () => {
      const found = await scales.get(CART);
      expect(found.replicas).to.equal(2);
      expect(found.uid).to.match(/^[0-9a-f-]{36}$/);
      await scaleTo(3);
      expect((await scales.get(CART)).replicas).to.equal(3);
    });

    it('reads a scale of zero as zero', async () => {
      await scaleTo(0);
      expect((await scales.get(CART)).replicas).to.equal(0);
    });

    it('does not overwrite a concurrent change', async () => {
      const { resourceVersion } = await scales.get(CART);
      await scaleTo(4);
      expect(await codeOf(scales.set(CART, 9, resourceVersion))).to.equal('API_CONFLICT');
      expect((await scales.get(CART)).replicas).to.equal(4);
    });

    it('reports why an object cannot be scaled', async () => {
      expect(await codeOf(scales.get({ ...CART, name: 'missing' }))).to.equal('API_NOT_FOUND');
      expect(await codeOf(scales.get({ ...CART, kind: 'ControllerRevision' }))).to.equal('SCALE_UNSUPPORTED');
      expect(await codeOf(scales.get({ ...CART, apiVersion: 'example.com/v1' }))).to.equal('API_NOT_FOUND');
    });

    for (const [status, code] of [
      [401, 'API_UNAUTHORIZED'],
      [403, 'API_FORBIDDEN'],
      [429, 'API_THROTTLED'],
      [500, 'API_REFUSED'],
    ] as const) {
      it(`maps HTTP ${status} to ${code}`, async () => {
        cluster.faults.reject({ code: status, path: /\/scale$/ });
        expect(await codeOf(scales.get(CART))).to.equal(code);
      });
    }

    it('reports an unreachable API server', async () => {
      await cluster.faults.down();
      expect(await codeOf(scales.get(CART))).to.equal('API_UNREACHABLE');
      await cluster.faults.up();
    });
  });

  it('knows workloads and addresses from its watches', async () => {
    const view = new ClusterView(config, log, () => Promise.reject(new Error('no further kind')));
    try {
      await view.whenSynced();
      const known = view.workloads().map(({ ref }) => workloadKey(ref));
      expect(known).to.have.members(['shop/StatefulSet/cart', 'shop/StatefulSet/db']);
      await cluster.apply(shop({ late: 5 }));
      const late = () => view.workloads().find(({ ref }) => ref.name === 'late');
      await eventually('the new workload', () => late()?.replicas === 5);
      expect(late()).to.deep.include({ labels: { app: 'late' } });
      const addresses = () => [...view.topology().endpoints()].map(([, { service }]) => service);
      await eventually('the new Service', () => addresses().includes('shop/late'));
    } finally {
      view.stop();
    }
  });

  describe('LeaderElection', () => {
    const times = { leaseDuration: 2, renewDeadline: 1.2, retryPeriod: 0.2 };
    const elections: LeaderElection[] = [];

    afterEach(async () => {
      cluster.faults.clear();
      await Promise.all(elections.splice(0).map((election) => election.stop()));
    });

    function elect(name: string, identity: string): LeaderElection {
      const options = { config, namespace: 'default', name, identity, log, times, abort: abort.signal };
      const election = new LeaderElection(options);
      elections.push(election);
      election.start();
      return election;
    }

    it('has one leader, and a new one at once after a release of the lease', async () => {
      const first = elect('handover', 'first');
      await eventually('a leader', () => first.leads);
      const second = elect('handover', 'second');
      await new Promise((resolve) => setTimeout(resolve, 1000));
      expect([first.leads, second.leads]).to.deep.equal([true, false]);
      await first.stop();
      await eventually('the next leader', () => second.leads, 1500);
      const lease = { group: 'coordination.k8s.io', version: 'v1', namespace: 'default', plural: 'leases' };
      const api = config.makeApiClient(CustomObjectsApi);
      const { spec } = (await api.getNamespacedCustomObject({ ...lease, name: 'handover' })) as {
        spec: { holderIdentity: string; leaseTransitions: number };
      };
      expect(spec).to.include({ holderIdentity: 'second', leaseTransitions: 1 });
    });

    it('stands down if it cannot renew, and leads again once it can', async () => {
      const first = elect('outage', 'first');
      await eventually('a leader', () => first.leads);
      cluster.faults.reject({ code: 500, path: /\/leases\// });
      await eventually('it to stand down', () => !first.leads, 2000);
      cluster.faults.clear();
      await eventually('it to lead again', () => first.leads, 2000);
    });

    it('takes over from a terminated leader once its lease expires', async () => {
      const gone = elect('takeover', 'gone');
      await eventually('a leader', () => gone.leads);
      cluster.faults.reject({ code: 500, method: 'PUT', path: /\/leases\/takeover$/ });
      const next = elect('takeover', 'next');
      await eventually('it to stand down', () => !gone.leads, 2000);
      elections.splice(elections.indexOf(gone), 1);
      await gone.stop();
      expect(next.leads).to.equal(false);
      cluster.faults.clear();
      await eventually('the next leader', () => next.leads, 4000);
    });
  });
});

import { expect } from 'chai';
import { KernscaleError } from '../../../../common/errors.js';
import { isGone, readReplicas } from '../../../../scaler/loop/replicas.js';

function deployment(name: string) {
  const ref = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name };
  return { ref, uid: name, labels: {}, replicas: 2 };
}

describe('readReplicas', () => {
  const rollout = { apiVersion: 'argoproj.io/v1alpha1', kind: 'Rollout', namespace: 'shop', name: 'r' };
  const requested: string[] = [];
  const scales = {
    get: (target: { name: string }) => {
      requested.push(target.name);
      if (target.name === 'gone') return Promise.reject(new KernscaleError('API_NOT_FOUND', 'gone'));
      return Promise.resolve({ replicas: 7, uid: 'u', resourceVersion: '1' });
    },
  };

  it('requests the scale of kinds that are not watched only', async () => {
    const cluster = { synced: true, workloads: () => [deployment('cart')] };
    const missing = { ...rollout, name: 'gone' };
    const found = await readReplicas(cluster, scales, [deployment('cart').ref, rollout, missing]);
    expect(requested).to.deep.equal(['r', 'gone']);
    expect(found.known.get('shop/Deployment/cart')?.replicas).to.equal(2);
    expect(found.known.get('shop/Rollout/r')?.replicas).to.equal(7);
    expect(isGone(found.unknown.get('shop/Rollout/gone'))).to.equal(true);
  });

  it('does not report a workload as gone whose replicas cannot be read', async () => {
    const odd = { ...deployment('odd'), replicas: undefined };
    const found = await readReplicas({ synced: true, workloads: () => [odd] }, scales, [odd.ref]);
    const error = found.unknown.get('shop/Deployment/odd');
    expect(error?.code).to.equal('TARGET_UNREADABLE');
    expect(isGone(error)).to.equal(false);
  });

  it('does not report a workload as gone before the cluster is known', async () => {
    const ref = deployment('late').ref;
    const read = async (synced: boolean) =>
      (await readReplicas({ synced, workloads: () => [] }, scales, [ref])).unknown.get(
        'shop/Deployment/late',
      );
    expect(isGone(await read(false))).to.equal(false);
    expect(isGone(await read(true))).to.equal(true);
  });

  it('does not wait for a kind whose requests hang', async () => {
    const hanging = {
      get: (target: { name: string }) => (target.name === 'r' ? scales.get(target) : never()),
    };
    const targets = Array.from({ length: 20 }, (_, index) => ({ ...rollout, name: `hangs-${index}` }));
    const cluster = { synced: true, workloads: () => [deployment('cart')] };
    const found = await readReplicas(cluster, hanging, [rollout, ...targets], 0.05);
    expect([...found.known.keys()]).to.deep.equal(['shop/Deployment/cart', 'shop/Rollout/r']);
    const errors = [...found.unknown.values()];
    expect(errors).to.have.length(20);
    for (const error of errors) expect(error.code).to.equal('API_TIMEOUT');
    expect(isGone(errors[0])).to.equal(false);
  });
});

function never(): Promise<never> {
  return new Promise(() => undefined);
}

import { KubeConfig } from '@kubernetes/client-node';
import { expect } from 'chai';
import pino from 'pino';
import { Namespaces } from '../../../../scaler/kubernetes/namespaces.js';
import type { WatchedWorkload } from '../../../../scaler/kubernetes/objects.js';
import { eventually } from '../../../eventually.js';
import { LoopbackApi } from '../../loopback-api.js';

const WORKLOAD: WatchedWorkload = {
  ref: { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'web' },
  uid: 'web',
  labels: {},
  replicas: 2,
};

describe('namespaces', () => {
  let api: LoopbackApi;
  let namespaces: Namespaces;
  let changes: number;

  beforeEach(async () => {
    api = new LoopbackApi();
    await api.start();
    const config = new KubeConfig();
    config.loadFromString(api.kubeconfig());
    changes = 0;
    namespaces = new Namespaces({ config, onChange: () => changes++, log: pino({ level: 'silent' }) });
  });

  afterEach(async () => {
    namespaces.stop();
    await api.stop();
  });

  const labels = () => namespaces.label([WORKLOAD])[0]!.namespaceLabels;

  it('are not watched while no rule needs them', () => {
    namespaces.use(false);
    expect(namespaces.synced).to.equal(true);
    expect(labels()).to.equal(undefined);
    expect(api.requests).to.deep.equal([]);
  });

  it('label workloads once they are known, and no longer when no rule needs them', async () => {
    api.put({ metadata: { name: 'shop', uid: 'shop', labels: { team: 'web' } } });
    namespaces.use(true);
    expect(namespaces.synced, 'at once').to.equal(false);
    expect(labels(), 'at once').to.equal(undefined);
    await eventually('the list', () => namespaces.synced);
    expect(labels()).to.deep.equal({ team: 'web' });
    expect(new Set(api.requests.map(({ url }) => url.pathname))).to.deep.equal(
      new Set(['/api/v1/namespaces']),
    );
    expect(changes).to.be.above(1);
    namespaces.use(false);
    expect(labels()).to.equal(undefined);
    await eventually('no watch', () => api.watching === 0);
  });
});

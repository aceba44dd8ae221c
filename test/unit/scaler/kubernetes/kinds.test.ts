import { KubeConfig } from '@kubernetes/client-node';
import { expect } from 'chai';
import { pino } from 'pino';
import { eventually } from '../../../eventually.js';
import { KernscaleError } from '../../../../common/errors.js';
import { Kinds, type ResourceName } from '../../../../scaler/kubernetes/kinds.js';
import { assign } from '../../../../scaler/loop/assignments.js';
import { readReplicas } from '../../../../scaler/loop/replicas.js';
import { parseRules } from '../../../../scaler/rules/load.js';
import { LoopbackApi } from '../../loopback-api.js';

const ROLLOUT = { apiVersion: 'argoproj.io/v1alpha1', kind: 'Rollout' };
const { groups } = parseRules(
  'r.yaml',
  `groups:
  - name: fleet
    rules:
      - scale: shop
        match:
          apiVersion: argoproj.io/v1alpha1
          kind: Rollout
          selector: { matchLabels: { tier: backend } }
        maxReplicas: 9
`,
);

function rollout(name: string, tier: string, spec: object) {
  return { metadata: { namespace: 'shop', name, uid: name, labels: { tier } }, spec };
}

describe('kinds that match names', () => {
  const log = pino({ level: 'silent' });
  let api: LoopbackApi;
  let kinds: Kinds;
  let changes: number;

  async function use(resourceName: ResourceName): Promise<void> {
    api = new LoopbackApi();
    await api.start();
    const config = new KubeConfig();
    config.loadFromString(api.kubeconfig());
    changes = 0;
    kinds = new Kinds({
      fieldManager: 'kernscale-scaler',
      ...{ config, resourceName, log, retry: 0.05 },
      onChange: () => changes++,
    });
    kinds.use([ROLLOUT, { apiVersion: 'apps/v1', kind: 'Deployment' }]);
  }

  afterEach(async () => {
    kinds.stop();
    await api.stop();
  });

  it('are watched, matched by labels, and scaled from what spec or the scale says', async () => {
    await use(() => Promise.resolve('rollouts'));
    expect(kinds.synced, 'at once').to.equal(false);
    api.put(rollout('cart', 'backend', { replicas: 4 }));
    api.put(rollout('web', 'frontend', { replicas: 4 }));
    api.put(rollout('odd', 'backend', { size: 5 }));
    await eventually('three workloads', () => kinds.synced && kinds.list().length === 3);
    expect(new Set(api.requests.map(({ url }) => url.pathname))).to.deep.equal(
      new Set(['/apis/argoproj.io/v1alpha1/rollouts']),
    );
    expect(changes).to.be.above(0);
    const assignments = [...assign(groups, kinds.list()).values()];
    expect(assignments.map(({ key }) => key)).to.have.members(['shop/Rollout/cart', 'shop/Rollout/odd']);
    const { known, unknown } = await readReplicas(
      { synced: true, workloads: () => kinds.list() },
      { get: ({ name }) => Promise.resolve({ replicas: name.length, resourceVersion: '1', uid: name }) },
      assignments.map(({ rule }) => rule.scaleTargetRef),
    );
    expect(unknown.size).to.equal(0);
    expect(known.get('shop/Rollout/cart')).to.deep.equal({ replicas: 4, uid: 'cart' });
    expect(known.get('shop/Rollout/odd')).to.include({ replicas: 3, uid: 'odd' });
  });

  it('are a problem until the API knows them', async () => {
    let isInstalled = false;
    await use(() => {
      if (isInstalled) return Promise.resolve('rollouts');
      return Promise.reject(new KernscaleError('SCALE_UNSUPPORTED', 'has no scale subresource'));
    });
    await eventually('a problem', () => kinds.problems().length > 0);
    expect(kinds.problems()).to.deep.equal([
      'cannot match workloads of argoproj.io/v1alpha1 Rollout: has no scale subresource',
    ]);
    isInstalled = true;
    await eventually('the list', () => kinds.synced);
    expect(kinds.problems()).to.deep.equal([]);
  });

  it('are no longer watched once no rule names them', async () => {
    await use(() => Promise.resolve('rollouts'));
    await eventually('a watch', () => api.watching === 1);
    kinds.use([]);
    await eventually('no watch', () => api.watching === 0);
    expect(kinds.synced).to.equal(true);
    expect(kinds.list()).to.deep.equal([]);
  });
});

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { ApiAccess } from '../../../../common/kubernetes-access.js';
import { ownersOf } from '../../../../scaler/import/hand-over.js';
import { readAutoscalers } from '../../../../scaler/import/live.js';

const REF = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
const HPAS = {
  kind: 'HorizontalPodAutoscalerList',
  apiVersion: 'autoscaling/v2',
  items: [
    {
      metadata: {
        namespace: 'shop',
        name: 'keda-hpa-web',
        ownerReferences: [{ kind: 'ScaledObject', name: 'web', controller: true }],
      },
      spec: { scaleTargetRef: REF, maxReplicas: 3 },
    },
    { metadata: { namespace: 'shop', name: 'own' }, spec: { scaleTargetRef: REF, maxReplicas: 3 } },
    { metadata: { namespace: 'other', name: 'own' }, spec: { scaleTargetRef: REF, maxReplicas: 3 } },
  ],
};

function scaledObjects(annotations = {}) {
  const metadata = { namespace: 'shop', name: 'web', annotations };
  return {
    kind: 'ScaledObjectList',
    apiVersion: 'keda.sh/v1alpha1',
    items: [
      {
        kind: 'ScaledObject',
        apiVersion: 'keda.sh/v1alpha1',
        metadata,
        spec: { scaleTargetRef: { name: 'web' } },
      },
    ],
  };
}

describe('autoscalers of a cluster', () => {
  let server: Server;
  let answers: Record<string, unknown>;
  let access: ApiAccess;
  before(async () => {
    server = createServer(({ url = '' }, response) => {
      const body = answers[url];
      response
        .writeHead(body === undefined ? 404 : body === 'refused' ? 403 : 200)
        .end(JSON.stringify(body ?? {}));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    access = {
      getCurrentCluster: () => ({ server: `http://127.0.0.1:${port}` }),
      applyToHTTPSOptions: () => Promise.resolve(),
    };
  });
  after(() => {
    server.close();
  });

  const hpaPath = '/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers';
  const kedaPath = '/apis/keda.sh/v1alpha1/namespaces/shop/scaledobjects';
  const workload = { ...REF, namespace: 'shop' };

  it('own a workload by its name, and KEDA owns what it made', async () => {
    answers = { [hpaPath]: HPAS, [kedaPath]: scaledObjects() };
    const owners = ownersOf(await readAutoscalers(access, 'shop'), workload);
    expect(owners.map(({ name }) => name)).to.deep.equal([
      'ScaledObject shop/web',
      'HorizontalPodAutoscaler shop/own',
    ]);
    expect(owners[0]).to.deep.include({
      isPaused: false,
      handOver: ['kubectl annotate scaledobject web -n shop autoscaling.keda.sh/paused=true --overwrite'],
      goBack: ['kubectl annotate scaledobject web -n shop autoscaling.keda.sh/paused-'],
    });
  });

  for (const [value, isPaused] of [
    ['true', true],
    ['false', false],
  ] as const) {
    it(`are paused or not with the annotation "${value}"`, async () => {
      answers = {
        [hpaPath]: { ...HPAS, items: [] },
        [kedaPath]: scaledObjects({ 'autoscaling.keda.sh/paused': value }),
      };
      expect(ownersOf(await readAutoscalers(access, 'shop'), workload)[0]?.isPaused).to.equal(isPaused);
    });
  }

  it('are read without KEDA, but not without permission', async () => {
    answers = { [hpaPath]: HPAS };
    expect(await readAutoscalers(access, 'shop')).to.have.length(3);
    answers = { [hpaPath]: HPAS, [kedaPath]: 'refused' };
    const error = await readAutoscalers(access, 'shop').catch((failure: unknown) => failure);
    expect(error).to.include({ code: 'API_STATUS', status: 403 });
  });
});

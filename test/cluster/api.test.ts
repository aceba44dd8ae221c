import {
  ApiException,
  AppsV1Api,
  CoreV1Api,
  PatchStrategy,
  setHeaderOptions,
  type V1ConfigMap,
  type V1Status,
} from '@kubernetes/client-node';
import { expect } from 'chai';
import { eventually } from '../eventually.js';
import { deployment, kubeConfig, raw, service, useCluster } from './harness.js';

const namespace = 'shop';

/** The Status of a rejected call. */
async function refusal(call: Promise<unknown>): Promise<V1Status> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof ApiException)) throw error;
    return JSON.parse(error.body as string) as V1Status;
  }
  throw new Error('was not refused');
}

describe('stand-in cluster: API through @kubernetes/client-node', () => {
  const cluster = useCluster();
  let core: CoreV1Api;
  let apps: AppsV1Api;
  before(() => {
    core = kubeConfig(cluster()).makeApiClient(CoreV1Api);
    apps = kubeConfig(cluster()).makeApiClient(AppsV1Api);
  });

  const map = (
    name: string,
    data: Record<string, string> = {},
    labels: Record<string, string> = {},
  ): V1ConfigMap => ({
    metadata: { name, labels },
    data,
  });
  const create = (body: V1ConfigMap): Promise<V1ConfigMap> =>
    core.createNamespacedConfigMap({ namespace, body });

  it('sets the fields that the server owns, and generates names', async () => {
    const created = await create({ metadata: { generateName: 'gen-' } });
    expect(created.metadata?.name).to.match(/^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    expect(created.metadata?.uid).to.match(/^[0-9a-f-]{36}$/);
    expect(created.metadata?.creationTimestamp).to.be.instanceOf(Date);
    expect(created).to.include({ apiVersion: 'v1', kind: 'ConfigMap' });
  });

  it('reports errors as a Status with the right reason', async () => {
    await create(map('taken'));
    const absent = await refusal(core.readNamespacedConfigMap({ namespace, name: 'absent' }));
    expect(absent).to.include({
      kind: 'Status',
      code: 404,
      reason: 'NotFound',
      message: 'configmaps "absent" not found',
    });
    expect(await refusal(create(map('taken')))).to.include({ code: 409, reason: 'AlreadyExists' });
    const nowhere = core.createNamespacedConfigMap({ namespace: 'nowhere', body: map('a') });
    expect(await refusal(nowhere)).to.include({ code: 404, message: 'namespaces "nowhere" not found' });
    const wrong = await refusal(create(map('Not_A_Name')));
    expect(wrong).to.include({ code: 422, reason: 'Invalid' });
    expect(wrong.details?.causes?.[0]?.field).to.equal('metadata.name');
  });

  it('responds with 401, 404, 405, 406 and 415 to requests that no client sends', async () => {
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const codes = await Promise.all([
      raw(cluster(), 'GET', path, { headers: { authorization: 'Bearer wrong' } }),
      raw(cluster(), 'GET', '/apis/nothing/v1/things'),
      raw(cluster(), 'PATCH', path),
      raw(cluster(), 'GET', path, { headers: { accept: 'application/vnd.kubernetes.protobuf' } }),
      raw(cluster(), 'POST', path, { headers: { 'content-type': 'text/csv' }, body: 'a,b' }),
      raw(cluster(), 'POST', path, { headers: { 'content-type': 'application/json' }, body: '{' }),
    ]);
    expect(codes.map(({ code }) => code)).to.deep.equal([401, 404, 405, 406, 415, 400]);
    expect(codes.map(({ body }) => body['kind'])).to.deep.equal(Array(6).fill('Status'));
    expect((await raw(cluster(), 'GET', '/healthz', { headers: { authorization: '' } })).code).to.equal(200);
  });

  it('rejects a Deployment whose selector misses its template, and an empty pod', async () => {
    const body = {
      metadata: { name: 'bad' },
      spec: {
        selector: { matchLabels: { app: 'a' } },
        template: {
          metadata: { labels: { app: 'b' } },
          spec: { containers: [{ name: 'a', image: 'host' }] },
        },
      },
    };
    const mismatch = await refusal(apps.createNamespacedDeployment({ namespace, body }));
    expect(mismatch.details?.causes?.[0]?.field).to.equal('spec.template.metadata.labels');
    const empty = core.createNamespacedPod({
      namespace,
      body: { metadata: { name: 'p' }, spec: { containers: [] } },
    });
    expect((await refusal(empty)).details?.causes?.[0]?.field).to.equal('spec.containers');
  });

  it('rejects a PUT or PATCH of an object that has changed in between', async () => {
    const first = await create(map('contended', { n: '0' }));
    const name = 'contended';
    await core.replaceNamespacedConfigMap({ namespace, name, body: { ...first, data: { n: '1' } } });
    const stale = core.replaceNamespacedConfigMap({ namespace, name, body: { ...first, data: { n: '2' } } });
    expect(await refusal(stale)).to.include({ code: 409, reason: 'Conflict' });
    const body = { metadata: { resourceVersion: first.metadata!.resourceVersion }, data: { n: '3' } };
    const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
    const patch = core.patchNamespacedConfigMap({ namespace, name, body }, merge);
    expect(await refusal(patch)).to.include({ code: 409, reason: 'Conflict' });
    expect((await core.readNamespacedConfigMap({ namespace, name })).data).to.deep.equal({ n: '1' });
  });

  it('pages lists from one snapshot, until that expires', async () => {
    for (const name of ['page-a', 'page-b', 'page-c']) await create(map(name, {}, { paged: 'yes' }));
    const labelSelector = 'paged=yes';
    const first = await core.listNamespacedConfigMap({ namespace, labelSelector, limit: 2 });
    expect(first.items.map(({ metadata }) => metadata?.name)).to.deep.equal(['page-a', 'page-b']);
    expect(first.metadata?.remainingItemCount).to.equal(1);
    const token = first.metadata?._continue ?? '';
    const rest = await core.listNamespacedConfigMap({ namespace, labelSelector, limit: 2, _continue: token });
    expect(rest.items.map(({ metadata }) => metadata?.name)).to.deep.equal(['page-c']);
    expect(rest.metadata?.resourceVersion).to.equal(first.metadata?.resourceVersion);
    cluster().faults.expireWatches();
    const late = core.listNamespacedConfigMap({ namespace, labelSelector, limit: 2, _continue: token });
    expect(await refusal(late)).to.include({ code: 410, reason: 'Expired' });
  });

  it('selects by labels and fields', async () => {
    await create(map('blue', {}, { color: 'blue' }));
    await create(map('red', {}, { color: 'red' }));
    const names = async (query: {
      labelSelector?: string;
      fieldSelector?: string;
    }): Promise<(string | undefined)[]> => {
      const { items } = await core.listNamespacedConfigMap({ namespace, ...query });
      return items.map(({ metadata }) => metadata?.name);
    };
    expect(await names({ labelSelector: 'color in (blue,green)' })).to.deep.equal(['blue']);
    expect(await names({ labelSelector: 'color,color!=blue' })).to.deep.equal(['red']);
    expect(await names({ fieldSelector: 'metadata.name=red' })).to.deep.equal(['red']);
  });

  it('does not change the store in dry runs', async () => {
    const created = await core.createNamespacedConfigMap({ namespace, body: map('dry'), dryRun: 'All' });
    expect(created.metadata?.name).to.equal('dry');
    expect(await refusal(core.readNamespacedConfigMap({ namespace, name: 'dry' }))).to.include({ code: 404 });
  });

  it('serves Leases with compare-and-swap, as leader election needs', async () => {
    const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
    const headers = { 'content-type': 'application/json' };
    const lease = (holderIdentity: string, metadata: object): string =>
      JSON.stringify({ metadata, spec: { holderIdentity } });
    const created = await raw(cluster(), 'POST', path, { headers, body: lease('a', { name: 'leader' }) });
    expect(created.code).to.equal(201);
    const writes = ['b', 'c'].map((holder) =>
      raw(cluster(), 'PUT', `${path}/leader`, {
        headers,
        body: lease(holder, created.body['metadata'] as object),
      }),
    );
    const codes = (await Promise.all(writes)).map(({ code }) => code);
    expect(codes.sort()).to.deep.equal([200, 409]);
  });

  describe('scale', () => {
    const name = 'scaled';
    before(() => cluster().apply(deployment(name)));

    it('reads and patches replicas, and nothing else', async () => {
      const before = await apps.readNamespacedDeploymentScale({ namespace, name });
      expect(before).to.include({ kind: 'Scale', apiVersion: 'autoscaling/v1' });
      expect(before.status?.selector).to.equal('app=scaled');
      const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
      const body = { spec: { replicas: 2 } };
      const after = await apps.patchNamespacedDeploymentScale({ namespace, name, body }, merge);
      expect(after.spec?.replicas).to.equal(2);
      await eventually(
        'two pods are ready',
        async () => (await apps.readNamespacedDeployment({ namespace, name })).status?.readyReplicas === 2,
      );
    });

    it('rejects an outdated resourceVersion', async () => {
      const scale = await apps.readNamespacedDeploymentScale({ namespace, name });
      const stale = {
        ...scale,
        metadata: { ...scale.metadata, resourceVersion: '1' },
        spec: { replicas: 9 },
      };
      const refused = await refusal(apps.replaceNamespacedDeploymentScale({ namespace, name, body: stale }));
      expect(refused).to.include({ code: 409, reason: 'Conflict' });
      const negative = { ...scale, spec: { replicas: -1 } };
      const invalid = await refusal(
        apps.replaceNamespacedDeploymentScale({ namespace, name, body: negative }),
      );
      expect(invalid).to.include({ code: 422, reason: 'Invalid' });
    });

    it('counts generations on spec changes only, and keeps status apart from spec', async () => {
      const before = await apps.readNamespacedDeployment({ namespace, name });
      const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
      const body = { metadata: { labels: { a: 'b' } }, status: { readyReplicas: 77 } };
      const labelled = await apps.patchNamespacedDeployment({ namespace, name, body }, merge);
      expect(labelled.metadata?.generation).to.equal(before.metadata?.generation);
      expect(labelled.status?.readyReplicas).to.not.equal(77);
      const spec = { spec: { replicas: 50 }, status: { observedGeneration: 1 } };
      const written = await apps.patchNamespacedDeploymentStatus({ namespace, name, body: spec }, merge);
      expect(written.spec?.replicas).to.equal(before.spec?.replicas);
    });
  });

  describe('deletion', () => {
    const podsOf = async (app: string): Promise<number> =>
      (await core.listNamespacedPod({ namespace, labelSelector: `app=${app}` })).items.length;
    const setsOf = async (app: string): Promise<number> =>
      (await apps.listNamespacedReplicaSet({ namespace, labelSelector: `app=${app}` })).items.length;

    it('removes the dependents', async () => {
      await cluster().apply(deployment('doomed', { replicas: 2 }));
      await eventually('two pods exist', async () => (await podsOf('doomed')) === 2);
      await apps.deleteNamespacedDeployment({ namespace, name: 'doomed' });
      await eventually(
        'the dependents are gone',
        async () => (await podsOf('doomed')) + (await setsOf('doomed')) === 0,
      );
    });

    it('waits for the dependents in the foreground', async () => {
      await cluster().apply(deployment('patient'));
      await eventually('the pod exists', async () => (await podsOf('patient')) === 1);
      const url = `/apis/apps/v1/namespaces/${namespace}/deployments/patient`;
      const { body } = await raw(cluster(), 'DELETE', `${url}?propagationPolicy=Foreground`);
      expect(body['metadata']).to.deep.include({ finalizers: ['foregroundDeletion'] });
      await eventually('the Deployment is gone', async () => (await raw(cluster(), 'GET', url)).code === 404);
      expect((await podsOf('patient')) + (await setsOf('patient'))).to.equal(0);
    });

    it('leaves orphans on request', async () => {
      await cluster().apply(deployment('parent'));
      await eventually('the pod exists', async () => (await podsOf('parent')) === 1);
      await apps.deleteNamespacedDeployment({ namespace, name: 'parent', propagationPolicy: 'Orphan' });
      const { items } = await apps.listNamespacedReplicaSet({ namespace, labelSelector: 'app=parent' });
      expect(items[0]?.metadata?.ownerReferences ?? []).to.deep.equal([]);
      await apps.deleteNamespacedReplicaSet({ namespace, name: items[0]!.metadata!.name! });
    });

    it('waits for finalizers', async () => {
      const finalizers = ['example.org/wait'];
      await create({ metadata: { name: 'held', finalizers } });
      await core.deleteNamespacedConfigMap({ namespace, name: 'held' });
      const held = await core.readNamespacedConfigMap({ namespace, name: 'held' });
      expect(held.metadata?.deletionTimestamp).to.be.instanceOf(Date);
      await core.replaceNamespacedConfigMap({
        namespace,
        name: 'held',
        body: { metadata: { name: 'held' } },
      });
      expect(await refusal(core.readNamespacedConfigMap({ namespace, name: 'held' }))).to.include({
        code: 404,
      });
    });

    it('of a namespace empties it first', async () => {
      await core.createNamespace({ body: { metadata: { name: 'brief' } } });
      await core.createNamespacedConfigMap({ namespace: 'brief', body: map('content') });
      await core.deleteNamespace({ name: 'brief' });
      await eventually('the namespace is gone', () =>
        core.readNamespace({ name: 'brief' }).then(
          () => false,
          () => true,
        ),
      );
      expect((await core.listNamespacedConfigMap({ namespace: 'brief' })).items).to.deep.equal([]);
    });
  });

  it('gives Services an address that updates keep', async () => {
    await cluster().apply(service('kept'));
    const before = await core.readNamespacedService({ namespace, name: 'kept' });
    expect(before.spec?.clusterIP).to.match(/^127\.(9[6-9]|1[01]\d|12[0-7])\.\d+\.\d+$/);
    const body = { ...before, spec: { selector: { app: 'kept' }, ports: [{ port: 81 }] } };
    const after = await core.replaceNamespacedService({ namespace, name: 'kept', body });
    expect(after.spec?.clusterIP).to.equal(before.spec?.clusterIP);
    expect(after.spec?.ports?.[0]?.targetPort).to.equal(81);
  });
});

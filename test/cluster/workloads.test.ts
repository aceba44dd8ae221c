import type { V1Pod } from '@kubernetes/client-node';
import { expect } from 'chai';
import { eventually } from '../eventually.js';
import { deployment, isReady, kubectl, namespace, Shop, useCluster } from './harness.js';

describe('stand-in cluster: DaemonSets', () => {
  const cluster = useCluster();

  it('have one pod on the node, replaced when the template changes', async () => {
    const shop = new Shop(cluster());
    const daemonSet = (value: string): string =>
      deployment('agent', { container: { env: [{ name: 'V', value }] } })
        .replace('"Deployment"', '"DaemonSet"')
        .replace('"replicas":1,', '');
    await cluster().apply(daemonSet('1'));
    const [first] = await shop.readyPods('agent');
    expect(first?.metadata?.ownerReferences?.[0]).to.include({
      kind: 'DaemonSet',
      name: 'agent',
      controller: true,
    });
    await cluster().apply(daemonSet('2'));
    await eventually(
      'the pod is replaced',
      async () => (await shop.readyPods('agent'))[0]?.metadata?.uid !== first?.metadata?.uid,
    );
    const rollout = ['rollout', 'status', 'daemonset/agent', '-n', namespace];
    expect((await kubectl(cluster(), rollout)).stdout).to.include('successfully rolled out');
    expect((await kubectl(cluster(), ['get', 'ds', '-n', namespace])).stdout).to.match(
      /agent +1 +1 +1 +1 +1/,
    );
  });
});

describe('stand-in cluster: StatefulSets', () => {
  const cluster = useCluster();

  it('have pods that come and go in order, under the same names', async () => {
    const shop = new Shop(cluster());
    const labels = { app: 'db' };
    const set = (replicas: number, value: string): string =>
      JSON.stringify({
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        metadata: { name: 'db', namespace },
        spec: {
          replicas,
          serviceName: 'db',
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: {
              terminationGracePeriodSeconds: 0,
              containers: [
                { name: 'db', image: 'host', command: ['sleep', 'infinity'], env: [{ name: 'V', value }] },
              ],
            },
          },
        },
      });
    await cluster().apply(set(3, '1'));
    const first = await shop.readyPods('db', 3);
    expect(first.map(({ metadata }) => metadata?.name)).to.deep.equal(['db-0', 'db-1', 'db-2']);
    const revision = (pod: V1Pod): string | undefined => pod.metadata?.labels?.['controller-revision-hash'];
    await cluster().apply(set(3, '2'));
    await eventually('all pods have the new revision', async () => {
      const pods = await shop.podsOf('db');
      return pods.length === 3 && pods.every((pod) => isReady(pod) && revision(pod) !== revision(first[0]!));
    });
    await cluster().apply(set(1, '2'));
    expect((await shop.readyPods('db', 1))[0]?.metadata?.name).to.equal('db-0');
    await shop.apps.deleteNamespacedStatefulSet({ namespace, name: 'db' });
  });
});

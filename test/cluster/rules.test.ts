import { expect } from 'chai';
import { selects } from '../../common/label-selector.js';
import { humanDuration } from '../../sandbox/cluster/api/columns.js';
import {
  formatSelector,
  parseFieldSelector,
  parseLabelSelector,
} from '../../sandbox/cluster/api/selectors.js';
import { newReplicasOf, scaleOldTo } from '../../sandbox/cluster/controllers/deployment.js';
import { podPath, parseCgroupMounts } from '../../sandbox/cluster/kubelet/cgroup.js';
import { expand, serviceLinks } from '../../sandbox/cluster/kubelet/environment.js';
import { contentHash, type KubeObject } from '../../sandbox/cluster/objects/meta.js';
import { deploymentSpec, type Deployment, type ReplicaSet } from '../../sandbox/cluster/objects/apps.js';
import { podSpec, qosClass } from '../../sandbox/cluster/objects/pod.js';
import type { Service } from '../../sandbox/cluster/objects/service.js';
import { Store } from '../../sandbox/cluster/store.js';

describe('stand-in cluster: rules', () => {
  describe('label selectors', () => {
    const labels = { app: 'web', tier: 'front' };
    const cases: [string, boolean][] = [
      ['', true],
      ['app=web', true],
      ['app==web,tier=front', true],
      ['app!=web', false],
      ['other!=x', true],
      ['app in (web,db)', true],
      ['app in (web, db),tier notin (back)', true],
      ['app notin (web)', false],
      ['other notin (x)', true],
      ['app', true],
      ['!app', false],
      ['!other', true],
    ];
    for (const [text, expected] of cases) {
      it(`"${text}" ${expected ? 'matches' : 'does not match'}`, () => {
        expect(parseLabelSelector(text)(labels)).to.equal(expected);
      });
    }

    it('are formatted as kubectl does, with the same meaning', () => {
      const selector = {
        matchLabels: { app: 'web' },
        matchExpressions: [
          { key: 'tier', operator: 'In' as const, values: ['front', 'back'] },
          { key: 'gone', operator: 'DoesNotExist' as const },
        ],
      };
      const text = formatSelector(selector);
      expect(text).to.equal('!gone,app=web,tier in (front,back)');
      expect(selects(selector, labels)).to.equal(true);
      expect(parseLabelSelector(text)(labels)).to.equal(true);
    });

    it('reject syntax errors with 400', () => {
      expect(() => parseLabelSelector('a b c'))
        .to.throw()
        .with.property('code', 400);
    });
  });

  describe('field selectors', () => {
    const pod = {
      metadata: { name: 'a', namespace: 'shop' },
      spec: { nodeName: 'n' },
      status: { phase: 'Running' },
    } as unknown as KubeObject;

    it('compare indexed fields', () => {
      const matches = (text: string): boolean => parseFieldSelector(text, 'pods')(pod);
      expect(matches('spec.nodeName=n,status.phase!=Succeeded,status.phase!=Failed')).to.equal(true);
      expect(matches('metadata.name==b')).to.equal(false);
    });

    it('reject fields that are not indexed with 400', () => {
      expect(() => parseFieldSelector('spec.color=red', 'pods')).to.throw('field label not supported');
    });
  });

  describe('quality of service', () => {
    const cases: [string, object][] = [
      ['BestEffort', {}],
      ['Burstable', { requests: { cpu: '1' } }],
      ['Burstable', { limits: { cpu: '1' } }],
      ['Guaranteed', { limits: { cpu: '1', memory: '1Gi' } }],
      ['Guaranteed', { limits: { cpu: '1000m', memory: '1Gi' }, requests: { cpu: 1, memory: '1024Mi' } }],
      ['Burstable', { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } }],
    ];
    for (const [expected, resources] of cases) {
      it(`${JSON.stringify(resources)} is ${expected}`, () => {
        expect(qosClass(podSpec.parse({ containers: [{ name: 'a', image: 'i', resources }] }))).to.equal(
          expected,
        );
      });
    }
  });

  describe("a pod's cgroup", () => {
    const uid = '0b8d3a51-1c2d-4e5f-8a9b-c0d1e2f30415';
    const escaped = '0b8d3a51_1c2d_4e5f_8a9b_c0d1e2f30415';

    it('is below that of its class, except for Guaranteed', () => {
      expect(podPath('Burstable', uid)).to.equal(
        `kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod${escaped}.slice`,
      );
      expect(podPath('Guaranteed', uid)).to.equal(
        `kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod${escaped}.slice`,
      );
    });

    it('is in the mounted hierarchies', () => {
      const hybrid = [
        '32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct',
        '33 31 0:30 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset',
        '41 31 0:38 / /mnt/with\\040space rw,relatime - cgroup2 cgroup2 rw',
      ].join('\n');
      expect(parseCgroupMounts(hybrid)).to.deep.equal({
        unified: '/mnt/with space',
        cpu: '/sys/fs/cgroup/cpu,cpuacct',
      });
      const pure = '30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate';
      expect(parseCgroupMounts(pure)).to.deep.equal({ unified: '/sys/fs/cgroup', cpu: undefined });
    });
  });

  describe("a container's environment", () => {
    it('expands references as Kubernetes does', () => {
      const variables = { A: '1', B: '$(A)' };
      expect(expand('$(A)-$(NONE)-$$(A)-$(B)-$', variables)).to.equal('1-$(NONE)-$(A)-$(A)-$');
    });

    it('links Services, but not headless ones', () => {
      const spec = {
        clusterIP: '127.96.0.1',
        ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 8080 }],
      };
      const headless = { ...spec, clusterIP: 'None' };
      const services = [
        { metadata: { name: 'my-db' }, spec },
        { metadata: { name: 'peers' }, spec: headless },
      ] as unknown as Service[];
      expect(serviceLinks(services)).to.deep.equal({
        MY_DB_SERVICE_HOST: '127.96.0.1',
        MY_DB_SERVICE_PORT: '80',
        MY_DB_SERVICE_PORT_HTTP: '80',
        MY_DB_PORT: 'tcp://127.96.0.1:80',
        MY_DB_PORT_80_TCP: 'tcp://127.96.0.1:80',
        MY_DB_PORT_80_TCP_PROTO: 'tcp',
        MY_DB_PORT_80_TCP_PORT: '80',
        MY_DB_PORT_80_TCP_ADDR: '127.96.0.1',
      });
    });
  });

  describe('rolling updates', () => {
    const web = (replicas: number, rollingUpdate = {}): Deployment =>
      ({
        spec: deploymentSpec.parse({
          replicas,
          strategy: { rollingUpdate },
          selector: { matchLabels: { a: 'b' } },
          template: { spec: { containers: [{ name: 'a', image: 'i' }] } },
        }),
      }) as Deployment;
    const set = (replicas: number, availableReplicas: number): ReplicaSet =>
      ({ spec: { replicas }, status: { replicas, availableReplicas } }) as ReplicaSet;

    it('surge upwards by a quarter, rounded up', () => {
      const [old, current] = [set(10, 10), set(0, 0)];
      expect(newReplicasOf(web(10), current, [old, current])).to.equal(3);
    });

    it('keep three quarters available, rounded up', () => {
      const [old, current] = [set(10, 10), set(3, 0)];
      expect(scaleOldTo(web(10), current, [old])).to.deep.equal([[old, 8]]);
    });

    it('remove pods that never became available first', () => {
      const [broken, good, current] = [set(2, 0), set(8, 8), set(3, 0)];
      expect(scaleOldTo(web(10), current, [broken, good])).to.deep.equal([
        [broken, 0],
        [good, 8],
      ]);
    });

    it('proceed even if neither surge nor unavailable pods are allowed', () => {
      const [old, current] = [set(1, 1), set(0, 0)];
      expect(scaleOldTo(web(1, { maxSurge: 0, maxUnavailable: 0 }), current, [old])).to.deep.equal([
        [old, 0],
      ]);
    });
  });

  it('prints durations as kubectl does', () => {
    const seconds = [0, 119, 120, 130, 599, 600, 10_799, 10_800, 14_700, 172_800, 180_000, 864_000];
    const texts = ['0s', '119s', '2m', '2m10s', '9m59s', '10m', '179m', '3h', '4h5m', '2d', '2d2h', '10d'];
    expect(seconds.map((one) => humanDuration(one * 1000))).to.deep.equal(texts);
  });

  it('hashes content whatever the order of its fields', () => {
    expect(contentHash({ a: 1, b: { c: 2, d: 3 } })).to.equal(contentHash({ b: { d: 3, c: 2 }, a: 1 }));
    expect(contentHash({ a: 1 })).to.not.equal(contentHash({ a: 2 }));
  });

  describe('the store', () => {
    const map = (name: string): KubeObject & { metadata: { name: string; namespace: string } } =>
      ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'shop' } }) as never;

    it('numbers all changes with one counter and keeps a bounded history', () => {
      const store = new Store(2);
      const versions = ['a', 'b', 'c'].map((name) =>
        Number(store.create('configmaps', map(name)).metadata.resourceVersion),
      );
      expect(versions).to.deep.equal([2, 3, 4]);
      expect(store.since(2).map(({ object }) => object.metadata.name)).to.deep.equal(['b', 'c']);
      expect(() => store.since(1))
        .to.throw()
        .with.property('code', 410);
    });

    it('reports changes to all listeners in order, including those made by a listener', () => {
      const store = new Store(10);
      store.subscribe(({ object, type }) => {
        if (object.metadata.name === 'a' && type === 'ADDED') store.create('configmaps', map('b'));
      });
      const reported: string[] = [];
      store.subscribe(({ object }) => reported.push(object.metadata.name));
      store.create('configmaps', map('a'));
      expect(reported).to.deep.equal(['a', 'b']);
    });

    it('changes nothing when an equal object is written', () => {
      const store = new Store(10);
      const before = store.create('configmaps', map('a'));
      expect(store.mutate('configmaps', before, () => undefined)).to.equal(before);
      expect(store.version).to.equal(2);
    });
  });
});

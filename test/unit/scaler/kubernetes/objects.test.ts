import { expect } from 'chai';
import { Fields } from '../../../../common/fields.js';
import { calculatePodRequests } from '../../../../scaler/core/group-pods.js';
import {
  readAutoscaler,
  readPod,
  readService,
  readSlice,
  readWorkload,
} from '../../../../scaler/kubernetes/objects.js';
import { readScale } from '../../../../scaler/kubernetes/scale.js';
import { Topology } from '../../../../scaler/kubernetes/topology.js';

/** Kernscale's field manager. */
const OWN = 'kernscale-scaler';
const METADATA = { namespace: 'shop', name: 'web-1' };

/** Reads an object, with what could not be read of it. */
function read<K>(reader: (object: Fields) => K, object: unknown): { kept: K; faults: string[] } {
  const faults: string[] = [];
  return { kept: reader(Fields.of(object, faults)), faults };
}

const DEPLOYMENT = { apiVersion: 'apps/v1', kind: 'Deployment' };

describe('objects of the Kubernetes API', () => {
  it('are a Service without endpoints where the lists of its EndpointSlice are null', () => {
    const { kept, faults } = read(readSlice, {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: 'web-x1',
        namespace: 'shop',
        uid: '1',
        labels: { 'kubernetes.io/service-name': 'web' },
      },
      addressType: 'IPv4',
      endpoints: null,
      ports: null,
    });
    expect(kept).to.deep.equal({ service: 'shop/web', ports: [], endpoints: [] });
    expect(faults).to.deep.equal([]);
    const service = {
      metadata: { namespace: 'shop', name: 'web' },
      spec: { clusterIP: '10.0.0.1', ports: [{ port: 80 }] },
    };
    const topology = new Topology({
      pods: [],
      services: [read(readService, service).kept],
      endpointSlices: [kept],
    });
    expect(topology.resolve('10.0.0.1:80')).to.deep.equal({ service: 'shop/web', workloads: [] });
  });

  it('are pods on their nodes', () => {
    expect(read(readPod, { metadata: METADATA, spec: { nodeName: 'pi-2' } }).kept.pod.node).to.equal('pi-2');
  });

  it('may have null for every field that is optional', () => {
    const nothing = { metadata: METADATA, spec: null, status: null };
    const pod = { name: 'web-1', phase: 'Unknown', deleted: false, containers: [] };
    expect(read(readPod, nothing)).to.deep.equal({
      kept: {
        id: 'shop/web-1',
        workload: { namespace: 'shop', kind: 'Pod', name: 'web-1' },
        ips: [],
        ended: false,
        pod,
      },
      faults: [],
    });
    expect(read(readService, nothing).kept).to.deep.equal({ id: 'shop/web-1', ips: [], ports: [] });
    expect(read((object) => readWorkload(DEPLOYMENT, object, OWN), nothing).kept.replicas).to.equal(1);
  });

  it('lose a value of another type only, which is named', () => {
    const { kept, faults } = read(readPod, {
      metadata: { ...METADATA, labels: { 'pod-template-hash': 7, app: 'web' }, ownerReferences: 'none' },
      spec: { hostNetwork: 'no', initContainers: {}, containers: [null, { name: 'app' }] },
      status: { phase: 'Running', startTime: 'soon', conditions: [{ type: 'Ready', status: 'True' }] },
    });
    expect(kept.pod).to.deep.equal({
      ...{ name: 'web-1', phase: 'Running', ready: 'True', deleted: false, requestUnreadable: true },
      containers: [{ name: 'app' }],
    });
    expect(new Set(faults)).to.deep.equal(
      new Set([
        'spec.hostNetwork is not true or false',
        'metadata.ownerReferences is not a list',
        'status.startTime is not a time',
        'metadata.labels.pod-template-hash is not text',
        'spec.initContainers is not a list',
        'spec.containers[0] is not an object',
      ]),
    );
  });

  for (const object of [null, 7, 'pod', [], {}, { metadata: null }, { metadata: { name: '' } }]) {
    it(`are left out where they have no name: ${JSON.stringify(object)}`, () => {
      expect(() => read(readPod, object))
        .to.throw()
        .with.property('code', 'OBJECT_UNREADABLE');
    });
  }

  for (const replicas of [-1, 1.5, '2', 1e306, {}]) {
    it(`have no number of replicas in ${JSON.stringify(replicas)}`, () => {
      const object = { metadata: { ...METADATA, resourceVersion: '1' }, spec: { replicas } };
      const { kept, faults } = read((fields) => readWorkload(DEPLOYMENT, fields, OWN), object);
      expect(kept.replicas).to.equal(undefined);
      expect(faults).to.deep.equal(['spec.replicas is not a whole number from 0 on']);
      expect(() => readScale(object))
        .to.throw()
        .with.property('code', 'SCALE_UNSUPPORTED');
    });
  }
});

describe('a CPU request that is no quantity', () => {
  const podOf = (name: string, cpu: unknown) => {
    const spec = { containers: [{ name: 'app', resources: { requests: { cpu } } }] };
    return read(readPod, { metadata: { ...METADATA, name }, spec });
  };

  for (const cpu of ['NaN', 'Infinity', '-1', '1e306', '9e99Ei', 'four', {}, true]) {
    it(`costs the request of that pod: ${JSON.stringify(cpu)}`, () => {
      const { kept, faults } = podOf('odd', cpu);
      expect(faults).to.deep.equal(['spec.containers[0].resources.requests.cpu is not a quantity']);
      const requests = calculatePodRequests([podOf('sound', '500m').kept.pod, kept.pod]);
      expect(requests).to.deep.equal(new Map([['sound', 500n]]));
    });
  }

  it('is no request of zero', () => {
    const fault = { fault: 'missingRequest', text: 'the CPU request of no pod can be read' };
    expect(calculatePodRequests([podOf('odd', 'four').kept.pod])).to.deep.equal(fault);
  });
});

describe('the memory that a pod requests', () => {
  const memoryOf = (spec: object, status: object = {}) => {
    const { pod } = read(readPod, { metadata: { ...METADATA, name: 'web-1' }, spec, status }).kept;
    return calculatePodRequests([pod], undefined, 'memory');
  };
  const container = (name: string, memory: string) => ({ name, resources: { requests: { memory } } });

  it('is that of its containers, or of the pod as a whole', () => {
    const containers = [container('app', '64Mi'), container('side', '1G')];
    expect(memoryOf({ containers })).to.deep.equal(
      new Map([['web-1', (64n * 2n ** 20n + 10n ** 9n) * 1000n]]),
    );
    const resources = { requests: { memory: '1Gi' } };
    expect(memoryOf({ containers, resources })).to.deep.equal(new Map([['web-1', 2n ** 30n * 1000n]]));
  });

  it('is what the kubelet has applied, where it was resized', () => {
    const applied = { name: 'app', resources: { requests: { memory: '1k' } } };
    const status = { containerStatuses: [applied] };
    expect(memoryOf({ containers: [container('app', '2k')] }, status)).to.deep.equal(
      new Map([['web-1', 1000n * 1000n]]),
    );
  });

  it('is not known where it is no quantity', () => {
    const text = 'container app of pod web-1 requests no memory';
    expect(memoryOf({ containers: [container('app', 'lots')] })).to.deep.equal({
      fault: 'missingRequest',
      text,
    });
  });
});

describe('who wrote spec.replicas', () => {
  const REPLICAS = { 'f:spec': { 'f:replicas': {} } };
  const entry = (manager: string, at: string, changes: object = {}) => ({
    ...{
      manager,
      operation: 'Update',
      apiVersion: 'apps/v1',
      time: `2026-12-01T${at}Z`,
      fieldsType: 'FieldsV1',
    },
    ...{ fieldsV1: REPLICAS, ...changes },
  });
  const writerOf = (managedFields: unknown, image = 'app:1', generation: unknown = 3) => {
    const spec = { replicas: 2, template: { spec: { containers: [{ name: 'app', image }] } } };
    const object = { metadata: { ...METADATA, uid: 'u', generation, managedFields }, spec };
    return read((fields) => readWorkload(DEPLOYMENT, fields, OWN), object).kept.writer;
  };
  const applied = entry('argocd-controller', '10:00:00', { operation: 'Apply' });
  const scaled = entry('kubectl', '', { time: undefined, subresource: 'scale' });
  const own = entry(OWN, '', { time: undefined, subresource: 'scale' });
  const image = { fieldsV1: { 'f:spec': { 'f:template': {} } } };

  for (const [name, fields, manager] of [
    ['the manager that created it', [entry('kubectl-create', '08:00:00')], 'kubectl-create'],
    ['whoever applied the same number later', [scaled, applied], 'argocd-controller'],
    ['of those that own other fields none', [applied, entry('helm', '12:00:00', image)], 'argocd-controller'],
    [
      'nobody where a status has a field of that name',
      [entry('x', '12:00:00', { fieldsV1: { 'f:status': { 'f:replicas': {} } } })],
      'nobody',
    ],
    ['Kernscale, whoever applied the same number', [own, applied], 'Kernscale'],
    ['nobody where the field is absent', undefined, 'nobody'],
    ['nobody where nothing can be read', [null, { manager: 7, fieldsV1: 'none' }, 'odd'], 'nobody'],
  ] as const) {
    it(`is ${name}`, () => {
      const writer = writerOf(fields);
      expect(writer ? (writer.manager ?? 'Kernscale') : 'nobody').to.equal(manager);
    });
  }

  it('is told with the generation and the pod template', () => {
    const first = writerOf([scaled]);
    expect(first?.generation).to.equal(3);
    expect(writerOf([scaled])?.template).to.equal(first?.template);
    expect(writerOf([scaled], 'app:2')?.template).not.to.equal(first?.template);
    expect(writerOf([scaled], 'app:1', null)).to.equal(undefined);
  });
});

describe('a HorizontalPodAutoscaler', () => {
  const spec = { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, maxReplicas: 5 };
  const target = { namespace: 'shop', kind: 'Deployment', name: 'web' };

  it('is named with its target', () => {
    const { kept } = read(readAutoscaler, { metadata: { ...METADATA, name: 'web' }, spec });
    expect(kept).to.deep.equal({ target, name: 'HorizontalPodAutoscaler shop/web' });
  });

  it('of KEDA is named by its ScaledObject', () => {
    const ownerReferences = [
      { apiVersion: 'keda.sh/v1alpha1', kind: 'ScaledObject', name: 'web', controller: true },
    ];
    const metadata = { ...METADATA, name: 'keda-hpa-web', ownerReferences };
    const name = 'ScaledObject shop/web (HorizontalPodAutoscaler shop/keda-hpa-web)';
    expect(read(readAutoscaler, { metadata, spec }).kept).to.deep.equal({ target, name });
  });
});

import { expect } from 'chai';
import { Fields } from '../../../../common/fields.js';
import { indexPods, knownPod } from '../../../../exporter/identity/pods.js';

const index = (...pods: object[]) => indexPods(pods.map((pod) => knownPod(Fields.of(pod))));

const status = (name: string, containerID: string, before?: string) => ({
  name,
  containerID,
  ...(before && { lastState: { terminated: { containerID: before } } }),
});

const POD = {
  metadata: { namespace: 'shop', name: 'db-0', uid: 'uid-1' },
  spec: {
    initContainers: [{ name: 'init', image: 'busybox' }],
    containers: [
      {
        name: 'db',
        image: 'postgres:17',
        resources: { requests: { cpu: '250m' }, limits: { cpu: '1.5' } },
      },
      { name: 'sidecar', image: 'envoy', resources: { limits: { cpu: '2' } } },
    ],
    ephemeralContainers: [{ name: 'debug', image: 'alpine' }],
  },
  status: {
    containerStatuses: [status('db', 'containerd://aa', 'containerd://a0'), status('sidecar', 'cri-o://bb')],
    initContainerStatuses: [status('init', 'docker://cc')],
    ephemeralContainerStatuses: [status('debug', 'containerd://dd')],
  },
};

describe('indexPods', () => {
  const containers = index(POD).get('uid-1')!.containers;

  it('knows every kind of container by its id, and the instance before a restart', () => {
    const names = [...containers].map(([id, { container }]) => [id, container]);
    expect(Object.fromEntries(names)).to.deep.equal({
      '': '',
      aa: 'db',
      a0: 'db',
      bb: 'sidecar',
      cc: 'init',
      dd: 'debug',
    });
  });

  it('takes image and CPU from the spec; an absent request is the limit', () => {
    expect(containers.get('aa')).to.deep.equal({
      namespace: 'shop',
      pod: 'db-0',
      container: 'db',
      workload: 'db-0',
      workloadKind: 'Pod',
      image: 'postgres:17',
      containerId: 'containerd://aa',
      cpuRequest: 0.25,
      cpuLimit: 1.5,
    });
    expect(containers.get('bb')).to.include({ cpuRequest: 2, cpuLimit: 2 });
    expect(containers.get('cc')).to.include({ cpuRequest: undefined, cpuLimit: undefined });
  });

  it('takes CPU from the status of a container that is resized in place', () => {
    const cpu = (request: string, limit: string) => ({ requests: { cpu: request }, limits: { cpu: limit } });
    const resized = {
      ...POD,
      spec: {
        resources: { requests: { cpu: '8' } },
        containers: [{ name: 'db', resources: cpu('4', '5') }],
      },
      status: {
        resources: { requests: { cpu: '3' } },
        containerStatuses: [{ ...status('db', 'containerd://aa'), resources: cpu('1', '2') }],
      },
    };
    const known = index(resized).get('uid-1')!.containers;
    expect(known.get('aa')).to.include({ cpuRequest: 1, cpuLimit: 2 });
    expect(known.get('')).to.include({ cpuRequest: 2 });
  });

  it('knows a static pod by the hash of its manifest', () => {
    const annotations = { 'kubernetes.io/config.hash': 'hash', 'kubernetes.io/config.mirror': 'hash' };
    const pods = index({ ...POD, metadata: { ...POD.metadata, annotations } });
    expect([...pods.keys()]).to.deep.equal(['hash']);
  });

  it('knows a pod by its uid although its template was copied from a static pod, or names another', () => {
    const annotations = {
      'kubernetes.io/config.hash': 'uid-of-another',
      'kubernetes.io/config.source': 'file',
    };
    const pods = index({ ...POD, metadata: { ...POD.metadata, annotations } });
    expect([...pods.keys()]).to.deep.equal(['uid-1']);
  });

  it('gives the rest of a pod what the pod requests as a whole and no container for itself', () => {
    const requested = (cpu: string) => {
      const spec = {
        resources: { requests: { cpu } },
        containers: [{ name: 'db', resources: { requests: { cpu: '250m' } } }, { name: 'helper' }],
        initContainers: [
          { name: 'sidecar', restartPolicy: 'Always', resources: { limits: { cpu: '500m' } } },
          { name: 'init', resources: { requests: { cpu: '4' } } },
        ],
      };
      return index({ ...POD, spec })
        .get('uid-1')!
        .containers.get('')!.cpuRequest;
    };
    expect(requested('2')).to.equal(1.25);
    expect(requested('750m')).to.equal(0);
    expect(requested('1.05'), 'no rest of binary fractions').to.equal(0.3);
    expect(containers.get('')!.cpuRequest).to.equal(undefined);
  });

  it('names the rest of a pod, even before it has containers', () => {
    const rest = { container: '', image: '', containerId: '', cpuRequest: undefined, cpuLimit: undefined };
    expect(containers.get('')).to.deep.equal({
      ...rest,
      namespace: 'shop',
      pod: 'db-0',
      workload: 'db-0',
      workloadKind: 'Pod',
      isRestOfPod: true,
    });
    const pods = index({ metadata: {} }, { metadata: { uid: 'x' } });
    expect([...pods.get('x')!.containers.keys()]).to.deep.equal(['']);
  });
});

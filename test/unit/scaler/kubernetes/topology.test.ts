import { expect } from 'chai';
import { Fields } from '../../../../common/fields.js';
import { workloadKey } from '../../../../scaler/core/types.js';
import { workloadOf } from '../../../../common/workload.js';
import { readPod, readService, readSlice } from '../../../../scaler/kubernetes/objects.js';
import { Topology } from '../../../../scaler/kubernetes/topology.js';

const HASH = '6d4cf56db6';

interface PodOptions {
  owner?: { kind?: string; name?: string; controller?: boolean };
  labels?: Record<string, string>;
  hostNetwork?: boolean;
  phase?: string;
}

/** Objects as they are on the wire, not instances of client-node's classes. */
function pod(name: string, ip: string, options: PodOptions = {}): object {
  const owner = { controller: true, kind: 'ReplicaSet', name: `cpu-${HASH}`, ...options.owner };
  return {
    metadata: {
      namespace: 'shop',
      name,
      labels: options.labels ?? { 'pod-template-hash': HASH },
      ownerReferences: [owner],
    },
    spec: { containers: [], hostNetwork: options.hostNetwork ?? false },
    status: { phase: options.phase ?? 'Running', podIP: ip, podIPs: [{ ip }] },
  };
}

function service(name: string, clusterIPs: string[], ports: [number, string?][] = [[80]]): object {
  return {
    metadata: { namespace: 'shop', name },
    spec: { clusterIPs, ports: ports.map(([port, protocol = 'TCP']) => ({ port, protocol })) },
  };
}

function slice(name: string, endpoints: [ip: string, pod?: string, ready?: boolean][]): object {
  return {
    addressType: 'IPv4',
    metadata: { namespace: 'shop', name: `${name}-x`, labels: { 'kubernetes.io/service-name': name } },
    ports: [{ port: 8080, protocol: 'TCP' }],
    endpoints: endpoints.map(([ip, podName, ready = true]) => ({
      addresses: [ip],
      conditions: { ready },
      ...(podName && { targetRef: { kind: 'Pod', namespace: 'shop', name: podName } }),
    })),
  };
}

function resolve(topology: Topology, peer: string): string[] | undefined {
  return topology.resolve(peer)?.workloads.map(workloadKey);
}

describe('Topology', () => {
  const objects = {
    pods: [
      pod('cpu-1', '10.1.0.1'),
      pod('cpu-2', '10.1.0.2'),
      pod('db-0', '10.1.0.3', { owner: { kind: 'StatefulSet', name: 'db' } }),
      pod('v6', 'fd00::7'),
      pod('agent', '192.168.0.5', { owner: { kind: 'DaemonSet', name: 'agent' }, hostNetwork: true }),
      pod('done', '10.1.0.9', { owner: { kind: 'Job', name: 'job' }, phase: 'Succeeded' }),
    ],
    services: [
      service('cpu', ['10.96.0.10', 'fd01::10'], [[80], [53, 'UDP']]),
      service('headless', ['None']),
      service('both', ['10.96.0.11']),
      service('outside', ['10.96.0.12']),
      service('empty', ['10.96.0.13']),
      {
        ...service('public', ['10.96.0.14']),
        status: { loadBalancer: { ingress: [{ ip: '203.0.113.7' }] } },
      },
    ],
    endpointSlices: [
      slice('cpu', [
        ['10.1.0.1', 'cpu-1'],
        ['10.1.0.2', 'cpu-2', false],
      ]),
      slice('headless', [['10.1.0.3', 'db-0']]),
      slice('both', [
        ['10.1.0.1', 'cpu-1'],
        ['10.1.0.3', 'db-0'],
      ]),
      slice('outside', [['198.51.100.1']]),
      slice('public', [['192.168.0.5', 'agent']]),
    ],
  };
  const read = <K>(wire: readonly object[], one: (object: Fields) => K): K[] =>
    wire.map((object) => one(Fields.of(object)));
  const topology = new Topology({
    pods: read(objects.pods, readPod),
    services: read(objects.services, readService),
    endpointSlices: read(objects.endpointSlices, readSlice),
  });

  const cases: [what: string, peer: string, expected: string[] | undefined][] = [
    ['a ClusterIP to the workload behind it', '10.96.0.10:80', ['shop/Deployment/cpu']],
    ['an IPv6 ClusterIP', '[fd01::10]:80', ['shop/Deployment/cpu']],
    ['not a port that the Service does not have', '10.96.0.10:81', undefined],
    ['not a UDP port', '10.96.0.10:53', undefined],
    ['an endpoint of a headless Service', '10.1.0.3:8080', ['shop/StatefulSet/db']],
    ['any port of a pod', '10.1.0.2:9999', ['shop/Deployment/cpu']],
    ['an IPv6 pod', '[fd00::7]:1', ['shop/Deployment/cpu']],
    [
      'a Service over several workloads to all',
      '10.96.0.11:80',
      ['shop/Deployment/cpu', 'shop/StatefulSet/db'],
    ],
    ['a Service without pods to none', '10.96.0.12:80', []],
    ['a Service without endpoints to none', '10.96.0.13:80', []],
    ['the address of a load balancer', '203.0.113.7:80', ['shop/DaemonSet/agent']],
    ['an endpoint in the network of a node', '192.168.0.5:8080', ['shop/DaemonSet/agent']],
    ['not another port of that node', '192.168.0.5:22', undefined],
    ['not the address of a pod that is done', '10.1.0.9:80', undefined],
    ['not an address outside', '8.8.8.8:53', undefined],
    ['not what is no address', 'other', undefined],
  ];
  for (const [what, peer, expected] of cases) {
    it(`resolves ${what}`, () => {
      expect(resolve(topology, peer)).to.deep.equal(expected);
    });
  }

  it('names the Service of an address', () => {
    expect(topology.resolve('10.96.0.12:80')?.service).to.equal('shop/outside');
  });
});

describe('workloadOf', () => {
  const of = (owner: PodOptions['owner'] & object, labels?: Record<string, string>): string => {
    return workloadKey(workloadOf(Fields.of(pod('p', '10.0.0.1', { owner, ...(labels && { labels }) }))));
  };

  it('resolves a ReplicaSet to its owner', () => {
    expect(of({})).to.equal('shop/Deployment/cpu');
    const rollout = { 'rollouts-pod-template-hash': HASH };
    expect(of({}, rollout)).to.equal('shop/Rollout/cpu');
  });

  it('keeps a ReplicaSet without an owner', () => {
    expect(of({ name: 'by-hand' })).to.equal('shop/ReplicaSet/by-hand');
    expect(of({}, {})).to.equal(`shop/ReplicaSet/cpu-${HASH}`);
  });

  it('treats a pod without a controller, or with its node as controller, as its own workload', () => {
    expect(of({ controller: false })).to.equal('shop/Pod/p');
    expect(of({ kind: 'Node', name: 'n1' })).to.equal('shop/Pod/p');
  });
});

import { expect } from 'chai';
import { Fields } from '../../../../common/fields.js';
import { podsByWorkload } from '../../../../scaler/kubernetes/cluster.js';
import { readPod } from '../../../../scaler/kubernetes/objects.js';
import { samplesByWorkload, type Observations } from '../../../../scaler/loop/round-input.js';
import { tabulate } from '../../../../scaler/loop/signals.js';
import type { Pod } from '../../../../scaler/core/types.js';

const CART = 'shop/Deployment/cart';
const LABELS = { namespace: 'shop', workload: 'cart', workload_kind: 'Deployment' };
const NOW = 1_700_000_000;

/** Pod as a watch delivers it: times are text. */
const onTheWire = {
  metadata: {
    namespace: 'shop',
    name: 'cart-7d4-x',
    labels: { 'pod-template-hash': '7d4' },
    ownerReferences: [{ kind: 'ReplicaSet', name: 'cart-7d4', controller: true }],
    deletionTimestamp: '2023-11-14T22:13:20Z',
  },
  spec: {
    containers: [{ name: 'app', resources: { requests: { cpu: '200m' } } }, { name: 'bare' }],
    initContainers: [
      { name: 'proxy', restartPolicy: 'Always', resources: { requests: { cpu: '50m' } } },
      { name: 'migrate', resources: { requests: { cpu: '4' } } },
    ],
    resources: { requests: { cpu: '1' } },
  },
  status: {
    phase: 'Running',
    startTime: '2023-11-14T22:13:10Z',
    conditions: [
      { type: 'Initialized', status: 'True' },
      { type: 'Ready', status: 'False', lastTransitionTime: '2023-11-14T22:13:20Z' },
    ],
  },
};

const byWorkload = (...pods: object[]) => podsByWorkload(pods.map((pod) => readPod(Fields.of(pod))));

describe('podsByWorkload', () => {
  it('reads the fields that sizing needs, with sidecars among the containers', () => {
    expect(byWorkload(onTheWire).get(CART)).to.deep.equal([
      {
        name: 'cart-7d4-x',
        phase: 'Running',
        ready: 'False',
        readySince: NOW,
        startedAt: NOW - 10,
        template: '7d4',
        deleted: true,
        request: 1,
        containers: [{ name: 'app', request: 0.2 }, { name: 'bare' }, { name: 'proxy', request: 0.05 }],
      },
    ]);
  });

  it('accepts a pod without a status', () => {
    const bare = { metadata: { namespace: 'shop', name: 'lone' } };
    const expected = { name: 'lone', phase: 'Unknown', deleted: false, containers: [] };
    expect(byWorkload(bare).get('shop/Pod/lone')).to.deep.equal([expected]);
  });

  it('leaves out pods that have ended: they carry no load', () => {
    const ended = ['Succeeded', 'Failed'].map((phase) => ({ ...onTheWire, status: { phase } }));
    expect(byWorkload(...ended, onTheWire).get(CART)).to.have.length(1);
    expect(byWorkload(...ended).get(CART)).to.equal(undefined);
  });
});

describe('a pod that is resized in place', () => {
  const requested = (spec: object, status: object) => {
    const object = { metadata: { namespace: 'shop', name: 'lone' }, spec, status };
    return readPod(Fields.of(object)).pod;
  };
  const cpu = (amount: string) => ({ requests: { cpu: amount } });
  const main = { name: 'main', resources: cpu('4') };

  it('requests what is in force, not what its spec asks for', () => {
    const rows = [
      [{ resources: cpu('1'), allocatedResources: { cpu: '1' } }, 1, 'infeasible'],
      [{ resources: cpu('1'), allocatedResources: { cpu: '4' } }, 1, 'in progress'],
      [{ resources: cpu('4'), allocatedResources: { cpu: '4' } }, 4, 'done'],
      [{ allocatedResources: { cpu: '2' } }, 2, 'allocated, not running'],
      [{ resources: {} }, 4, 'a kubelet without the feature'],
      [{}, 4, 'no status'],
    ] as const;
    for (const [status, request, what] of rows) {
      const containerStatuses = [
        { name: 'other', resources: cpu('9') },
        { name: 'main', ...status },
      ];
      const pod = requested({ containers: [main] }, { containerStatuses });
      expect(pod.containers, what).to.deep.equal([{ name: 'main', request }]);
    }
  });

  it('does so in its sidecars, and as a whole', () => {
    const spec = {
      containers: [],
      initContainers: [{ ...main, restartPolicy: 'Always' }],
      resources: cpu('6'),
    };
    const initContainerStatuses = [{ name: 'main', resources: cpu('1') }];
    const pod = requested(spec, {
      initContainerStatuses,
      resources: cpu('5'),
      allocatedResources: { cpu: '6' },
    });
    expect(pod).to.deep.include({ request: 5, containers: [{ name: 'main', request: 1 }] });
  });

  it('requests nothing as a whole where only the kubelet adds up its containers', () => {
    const pod = requested({ containers: [main] }, { allocatedResources: { cpu: '4' } });
    expect(pod).not.to.have.property('request');
  });

  it('has no known request if what is in force cannot be read', () => {
    const pod = requested(
      { containers: [main] },
      { containerStatuses: [{ name: 'main', resources: cpu('much') }] },
    );
    expect(pod).to.deep.include({ requestUnreadable: true, containers: [{ name: 'main' }] });
  });
});

describe('the template of a workload', () => {
  function templateOf(...templates: (string | undefined)[]): string | undefined {
    const pods = templates.map((template, index): Pod => ({
      ...{ name: `cart-${index}`, phase: 'Running', deleted: false, containers: [] },
      ...(template !== undefined && { template }),
    }));
    const observations = { signals: new Map(), resolve: undefined, replicas: () => 2, pods: () => pods };
    return samplesByWorkload(observations, [CART]).get(CART)?.template;
  }

  it('is that of all its pods, and unknown while they run several or one has none', () => {
    expect(templateOf('7d4', '7d4')).to.equal('7d4');
    expect(templateOf('7d4', '8f1')).to.equal(undefined);
    expect(templateOf('7d4', undefined)).to.equal(undefined);
    expect(templateOf()).to.equal(undefined);
  });
});

describe('signals by pod', () => {
  const pods: Pod[] = [{ name: 'a', phase: 'Running', deleted: false, containers: [] }];

  function table(name: string, samples: Record<string, number>) {
    const vector = Object.entries(samples).map(([pod, value]) => ({
      labels: { ...LABELS, pod },
      value,
      timestamp: NOW,
    }));
    const results = new Map([[name, { result: { ok: true, samples: vector } as const, freshness: [] }]]);
    return tabulate(results, NOW);
  }

  it('are absent, with the reason, after a failed query or without series of the workload', () => {
    const text = 'HTTP 503';
    const failed = { result: { ok: false, failure: 'http', message: text } as const, freshness: [] };
    const lost = tabulate(new Map([['cpu', failed]]), NOW);
    const absent = assembled({ pods: () => pods, podSignals: lost }, { a: 1 }).podSignals?.['cpu'];
    expect(absent).to.deep.equal({ absent: 'error', text });
    const missing = assembled({ pods: () => pods, podSignals: table('cpu', {}) }, { a: 1 }).podSignals?.[
      'cpu'
    ];
    expect(missing).to.deep.equal({ absent: 'missing', text: 'no series' });
  });

  function assembled(byPod: Pick<Observations, 'pods' | 'podSignals'>, samples: Record<string, number>) {
    const observations = {
      signals: table('queue', samples),
      resolve: undefined,
      replicas: () => 2,
      ...byPod,
    };
    return samplesByWorkload(observations, [CART]).get(CART)!;
  }

  it('are summed for the workload, and kept by pod if the pods are known', () => {
    const found = assembled({ pods: () => pods, podSignals: table('cpu', { a: 0.1 }) }, { a: 1, b: 2 });
    expect(found.signals).to.deep.equal({ queue: { value: 3, timestamp: NOW } });
    expect(found.pods).to.equal(pods);
    expect(found.podSignals?.['queue']).to.deep.equal(
      new Map([
        ['a', 1],
        ['b', 2],
      ]),
    );
    expect(found.podSignals?.['cpu']).to.deep.equal(new Map([['a', 0.1]]));
  });

  it('lack a pod whose value is no quantity, and keep the others', () => {
    const broken = { a: 0.1, b: NaN, c: Infinity, d: -1, e: 1e306 };
    const found = assembled({ pods: () => pods, podSignals: table('cpu', broken) }, { a: 1 });
    expect(found.podSignals?.['cpu']).to.deep.equal(new Map([['a', 0.1]]));
  });

  for (const value of [NaN, Infinity, -Infinity, -3, 1e306]) {
    it(`have a sum that lacks a pod whose value is ${value}, with the reason`, () => {
      const found = assembled({}, { a: 5, b: value });
      const lacking = `value of pod b is ${value}`;
      expect(found.signals['queue']).to.deep.equal({ value: 5, timestamp: NOW, lacking });
    });
  }

  it('are only summed if the pods are unknown', () => {
    const found = assembled({}, { a: 1, b: 2 });
    expect(found.signals['queue']).to.include({ value: 3 });
    expect(found).not.to.have.any.keys('pods', 'podSignals');
  });
});

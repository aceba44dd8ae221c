import { Fields } from '../../../../common/fields.js';
import { KernscaleError } from '../../../../common/errors.js';
import { knownPod } from '../../../../exporter/identity/pods.js';
import { podsByWorkload } from '../../../../scaler/kubernetes/cluster.js';
import { readPod, readService, readSlice, readWorkload } from '../../../../scaler/kubernetes/objects.js';
import { Topology } from '../../../../scaler/kubernetes/topology.js';
import { assign } from '../../../../scaler/loop/assignments.js';
import { Histories } from '../../../../scaler/loop/histories.js';
import { DecisionRecords } from '../../../../scaler/loop/record.js';
import { runRound, type RoundResult } from '../../../../scaler/loop/round.js';
import { queriedSignals } from '../../../../scaler/loop/signals.js';
import type { QueryResult } from '../../../../scaler/promql/response.js';
import { parseRules } from '../../../../scaler/rules/load.js';
import { readVector } from '../promql/read-whole.js';

/** Time of every round, seconds since the epoch. */
const NOW = 1_700_000_000;
const SINCE = new Date((NOW - 3600) * 1000).toISOString();

const { groups } = parseRules(
  'r.yaml',
  `groups:
  - name: shop
    signals: {queue: {expr: queue_length}, latency: {expr: latency}}
    rules:
      - {scale: sound, scaleTargetRef: {kind: Deployment, namespace: shop, name: sound}, maxReplicas: 20}
      - {scale: odd, scaleTargetRef: {kind: Deployment, namespace: shop, name: odd}, maxReplicas: 20}
      - scale: queued
        scaleTargetRef: {kind: Deployment, namespace: shop, name: queued}
        maxReplicas: 20
        target: {signal: queue, averageValue: 5}
      - scale: valued
        scaleTargetRef: {kind: Deployment, namespace: shop, name: valued}
        maxReplicas: 20
        target: {signal: latency, value: 50m}
`,
);
const GROUP = groups[0]!;
export const MAX_REPLICAS = 20;

type Wire = Record<string, unknown>;

/** Objects of the Kubernetes API by collection, as they are on the wire. */
export interface Objects {
  readonly pods: readonly unknown[];
  readonly services: readonly unknown[];
  readonly endpointSlices: readonly unknown[];
  readonly deployments: readonly unknown[];
}

/** The objects of one workload of two pods. */
export function objectsOf(name: string, subnet: number): { readonly [K in keyof Objects]: Wire[] } {
  const metadata = {
    namespace: 'shop',
    name,
    uid: name,
    resourceVersion: '7',
    generation: 3,
    labels: { app: name },
  };
  const managedFields = [
    { manager: 'kubectl', time: SINCE, fieldsV1: { 'f:spec': { 'f:replicas': {} } }, subresource: 'scale' },
  ];
  const ips = [1, 2].map((index) => `10.1.${subnet}.${index}`);
  return {
    deployments: [{ metadata: { ...metadata, managedFields }, spec: { replicas: 2 } }],
    services: [
      {
        metadata,
        spec: {
          clusterIP: `10.0.0.${subnet}`,
          clusterIPs: [`10.0.0.${subnet}`],
          ports: [{ port: 80, protocol: 'TCP' }],
        },
        status: { loadBalancer: { ingress: [{ ip: `203.0.113.${subnet}` }] } },
      },
    ],
    endpointSlices: [
      {
        metadata: { ...metadata, labels: { 'kubernetes.io/service-name': name } },
        ports: [{ port: 8080, protocol: 'TCP' }],
        endpoints: ips.map((ip, index) => ({
          addresses: [ip],
          targetRef: { kind: 'Pod', namespace: 'shop', name: `${name}-7d4-${index}` },
        })),
      },
    ],
    pods: ips.map((ip, index) => podOf(name, ip, index)),
  };
}

function podOf(name: string, ip: string, index: number): Wire {
  return {
    metadata: {
      namespace: 'shop',
      name: `${name}-7d4-${index}`,
      uid: `${name}-${index}`,
      creationTimestamp: SINCE,
      annotations: { 'kubernetes.io/config.source': 'api' },
      labels: { 'pod-template-hash': '7d4' },
      ownerReferences: [{ kind: 'ReplicaSet', name: `${name}-7d4`, controller: true }],
    },
    spec: {
      hostNetwork: false,
      containers: [
        { name: 'app', image: 'app:1', resources: { requests: { cpu: '1' }, limits: { cpu: '2' } } },
      ],
      initContainers: [{ name: 'proxy', restartPolicy: 'Always', resources: { requests: { cpu: '100m' } } }],
    },
    status: {
      phase: 'Running',
      podIP: ip,
      podIPs: [{ ip }],
      startTime: SINCE,
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: SINCE }],
      containerStatuses: [
        {
          name: 'app',
          containerID: 'containerd://aa',
          lastState: { terminated: { containerID: 'containerd://a0' } },
        },
      ],
    },
  };
}

/** Bodies of Prometheus' responses by expression, of workloads with two pods each. */
export function answersOf(names: readonly string[]): ReadonlyMap<string, object> {
  const answers = new Map<string, object>();
  const add = (expr: string, rows: (labels: Wire) => [labels: Wire, value: number][]): void => {
    const result = names.flatMap((workload) =>
      rows({ namespace: 'shop', workload, workload_kind: 'Deployment' }).map(([metric, value]) => ({
        metric,
        value: [NOW, String(value)],
      })),
    );
    answers.set(expr, { status: 'success', data: { resultType: 'vector', result } });
  };
  const perPod = (value: number) => (labels: Wire) =>
    [0, 1].map((index): [Wire, number] => [
      { ...labels, pod: `${String(labels['workload'])}-7d4-${index}` },
      value,
    ]);
  const values: Record<string, number> = { request: 1.1 };
  for (const [name, { expr }] of Object.entries(queriedSignals(GROUP.signals))) {
    if (name === 'queue') add(expr, perPod(9));
    else add(expr, (labels) => [[labels, values[name] ?? 0.1]]);
  }
  for (const { expr } of Object.values(GROUP.podSignals)) add(expr, perPod(1.2));
  addWindows(GROUP.windows, add);
  return answers;
}

type Add = (expr: string, rows: (labels: Wire) => [labels: Wire, value: number][]) => void;

function addWindows({ recent, settled }: (typeof GROUP)['windows'], add: Add): void {
  const rows =
    (measures: Record<string, number>, extra: Wire = {}) =>
    (labels: Wire) =>
      Object.entries(measures).map(([name, value]): [Wire, number] => {
        const [measure, state] = name.split(' ');
        return [{ ...labels, ...extra, measure, ...(state && { state }) }, value];
      });
  const threads = { 'states oncpu': 2.4, 'serving oncpu': 2, pods: 2, starved: 0.1 };
  const requests = { arrived: 100, answered: 100, outstanding: 5, retried: 1 };
  const calls = { sent: 10, answered: 10, waited: 1, outstanding: 1 };
  add(recent.parts.threads.expr, rows(threads));
  add(recent.parts.requests.expr, rows(requests));
  add(
    settled.parts.threads.expr,
    rows({ ...threads, 'states disk': 0.1, 'states network': 0.1, 'states lock': 0.1 }),
  );
  add(settled.parts.requests.expr, rows({ ...requests, served: 5 }));
  add(settled.parts.calls.expr, rows(calls, { peer: '10.9.9.9:80' }));
}

/** What can be read of objects. Only an object without a name may be left out. */
function readAll<K>(objects: readonly unknown[], reader: (object: Fields) => K): K[] {
  return objects.flatMap((object) => {
    try {
      return [reader(Fields.of(object))];
    } catch (error) {
      if (error instanceof KernscaleError && error.code === 'OBJECT_UNREADABLE') return [];
      throw error;
    }
  });
}

/** Reads the body of a response. */
export const resultOf = (body: string): QueryResult => readVector(200, body);

/** One round on these objects, with the result of each query. */
export async function round(
  objects: Objects,
  resultFor: (expr: string) => QueryResult,
): Promise<RoundResult> {
  readAll(objects.pods, knownPod);
  const pods = readAll(objects.pods, readPod);
  const workloads = readAll(objects.deployments, (object) =>
    readWorkload({ apiVersion: 'apps/v1', kind: 'Deployment' }, object, 'kernscale'),
  );
  const topology = new Topology({
    pods,
    services: readAll(objects.services, readService),
    endpointSlices: readAll(objects.endpointSlices, readSlice),
  });
  const byWorkload = podsByWorkload(pods);
  return runRound(GROUP, assign(groups, workloads), {
    query: (expr) => Promise.resolve(resultFor(expr)),
    cluster: { synced: true, workloads: () => workloads, topology: () => topology, pods: () => byWorkload },
    scales: { get: () => Promise.reject(new KernscaleError('API_NOT_FOUND', 'gone')) },
    histories: new Histories(),
    records: new DecisionRecords(),
    clock: () => NOW,
    queryOffset: 0,
  });
}

/** A response that dates all data. */
export function fresh(names: readonly string[]): string {
  const result = names.map((workload) => ({
    metric: { namespace: 'shop', workload, workload_kind: 'Deployment' },
    value: [NOW, String(NOW - 5)],
  }));
  return JSON.stringify({ status: 'success', data: { resultType: 'vector', result } });
}

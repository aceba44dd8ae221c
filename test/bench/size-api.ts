import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { untilTaken } from './until-taken.js';
import { serviceAddress, podNames, workloadName, type FleetSize } from './size-fleet.js';

const TEMPLATE_HASH = '5d4f8c7b96';
const CREATED = '2026-01-01T00:00:00Z';
const LEASE = /\/leases(\/[^/]+)?$/;
/** Filler of the fields that nobody reads, as `managedFields` and environment variables are. */
const FILLER = 'f:k8s-field-of-a-manager ';

type Item = (index: number) => string;

/**
 * An API server with a fleet that is written as it is asked for, so that it needs no memory for it: lists by `limit` and
 * `continue`, watches without news, and one lease.
 */
export class FleetApi {
  /** Requests so far. */
  requests = 0;
  readonly #server: Server;
  readonly #collections: ReadonlyMap<string, readonly [length: number, item: Item]>;
  #lease: object | undefined;
  #leaseVersion = 1;

  constructor(size: FleetSize) {
    const { workloads, pods } = size;
    this.#collections = new Map<string, readonly [number, Item]>([
      ['/api/v1/pods', [workloads * pods, (index) => podText(size, index)]],
      ['/api/v1/services', [workloads, (index) => JSON.stringify(service(index))]],
      ['/apis/apps/v1/deployments', [workloads, (index) => JSON.stringify(deployment(size, index))]],
      [
        '/apis/discovery.k8s.io/v1/endpointslices',
        [workloads, (index) => JSON.stringify(endpointSlice(size, index))],
      ],
      ['/apis/apps/v1/statefulsets', [0, () => '']],
      ['/apis/autoscaling/v2/horizontalpodautoscalers', [0, () => '']],
    ]);
    this.#server = createServer((request, response) => {
      void this.#respond(request, response);
    });
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get kubeconfig(): string {
    const server = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return JSON.stringify({
      clusters: [{ name: 'c', cluster: { server, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'u', user: { token: 'none' } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    });
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests++;
    const url = new URL(request.url ?? '/', 'http://api');
    response.setHeader('content-type', 'application/json');
    const collection = this.#collections.get(url.pathname);
    if (collection && url.searchParams.has('watch')) response.flushHeaders();
    else if (collection) await sendList(response, url.searchParams, ...collection);
    else if (LEASE.test(url.pathname)) await this.#respondLease(request, response);
    else response.writeHead(404).end('{"kind":"Status","message":"not found"}');
  }

  async #respondLease(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'GET') {
      if (!this.#lease) response.writeHead(404).end('{"kind":"Status","message":"not found"}');
      else response.end(JSON.stringify(this.#lease));
      return;
    }
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const lease = JSON.parse(text) as { metadata: object };
    const metadata = { ...lease.metadata, resourceVersion: String(++this.#leaseVersion) };
    this.#lease = { ...lease, metadata };
    response.writeHead(request.method === 'POST' ? 201 : 200).end(JSON.stringify(this.#lease));
  }
}

async function sendList(
  response: ServerResponse,
  query: URLSearchParams,
  length: number,
  item: Item,
): Promise<void> {
  const from = Number(query.get('continue') ?? 0);
  const to = Math.min(length, from + Number(query.get('limit') ?? length));
  const more = to < length ? `,"continue":"${to}","remainingItemCount":${length - to}` : '';
  response.write(`{"kind":"List","metadata":{"resourceVersion":"100"${more}},"items":[`);
  for (let index = from; index < to; index++) {
    if (response.destroyed) return;
    const isTaken = response.write((index === from ? '' : ',') + item(index));
    if (!isTaken) await untilTaken(response);
  }
  response.end(']}');
}

function podText(size: FleetSize, index: number): string {
  const pod = JSON.stringify(podOf(size, index));
  const filler = FILLER.repeat(Math.max(0, Math.ceil((size.podBytes - pod.length) / FILLER.length)));
  return pod.replace('FILLER', filler);
}

function podOf({ pods }: FleetSize, index: number): object {
  const workload = Math.floor(index / pods);
  const name = podNames(workload, pods)[index % pods]!;
  const ip = podAddress(index);
  const owner = `${workloadName(workload)}-${TEMPLATE_HASH}`;
  const image = `registry.example.com/shop/${workloadName(workload)}:1.0.0`;
  return {
    metadata: {
      namespace: 'shop',
      name,
      uid: `uid-of-${name}`,
      creationTimestamp: CREATED,
      labels: { app: workloadName(workload), 'pod-template-hash': TEMPLATE_HASH },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, controller: true }],
      managedFields: [{ manager: 'kubelet', fieldsV1: 'FILLER' }],
    },
    spec: {
      nodeName: `node-${String(index % 500)}`,
      containers: [{ name: 'main', image, resources: { requests: { cpu: '500m' }, limits: { cpu: '1' } } }],
    },
    status: {
      phase: 'Running',
      startTime: CREATED,
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: CREATED }],
      containerStatuses: [{ name: 'main', image, ready: true, state: { running: { startedAt: CREATED } } }],
    },
  };
}

function podAddress(index: number): string {
  return `10.${128 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;
}

function deployment({ pods }: FleetSize, index: number): object {
  const name = workloadName(index);
  const template = { spec: { containers: [{ name: 'main', image: `shop/${name}:1.0.0` }] } };
  return {
    metadata: { namespace: 'shop', name, uid: `uid-of-${name}`, labels: { app: name }, generation: 1 },
    spec: { replicas: pods, template },
  };
}

function service(index: number): object {
  const clusterIPs = [serviceAddress(index).slice(0, -':80'.length)];
  return {
    metadata: { namespace: 'shop', name: workloadName(index) },
    spec: { clusterIPs, ports: [{ port: 80 }] },
  };
}

function endpointSlice({ pods }: FleetSize, index: number): object {
  const name = workloadName(index);
  return {
    metadata: { namespace: 'shop', name, labels: { 'kubernetes.io/service-name': name } },
    ports: [{ port: 8080, protocol: 'TCP' }],
    endpoints: podNames(index, pods).map((pod, place) => ({
      addresses: [podAddress(index * pods + place)],
      targetRef: { kind: 'Pod', namespace: 'shop', name: pod },
    })),
  };
}

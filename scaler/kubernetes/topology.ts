import type { V1EndpointSlice, V1Pod, V1Service } from '@kubernetes/client-node';
import { workloadKey, type WorkloadId } from '../core/types.js';
import { workloadOf } from '../../common/workload.js';

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
const FINISHED = new Set(['Succeeded', 'Failed']);

export interface TopologyObjects {
  readonly pods: readonly V1Pod[];
  readonly services: readonly V1Service[];
  readonly endpointSlices: readonly V1EndpointSlice[];
}

export interface Endpoint {
  /** `namespace/name` of the Service, if the address belongs to one. */
  readonly service?: string;
  /** Several if a Service selects pods of several workloads; none if its endpoints are not pods. */
  readonly workloads: readonly WorkloadId[];
}

/** Workloads by `ip:port`, as a client process sees the address: a pure view of the API's objects. */
export class Topology {
  readonly #pods: ReadonlyMap<string, WorkloadId>;
  readonly #endpoints: ReadonlyMap<string, Endpoint>;

  constructor(objects: TopologyObjects) {
    this.#pods = podsByIp(objects.pods);
    this.#endpoints = endpointsByAddress(objects, this.#pods);
  }

  /**
   * Resolves a peer: the address of a Service, an endpoint behind one, or any port of a pod. Undefined means that the
   * address is not known in this cluster.
   *
   * @param peer `ip:port`, or `[ip]:port` for IPv6
   */
  resolve(peer: string): Endpoint | undefined {
    const endpoint = this.#endpoints.get(peer);
    if (endpoint) return endpoint;
    const pod = this.#pods.get(peer.slice(0, peer.lastIndexOf(':')));
    return pod && { workloads: [pod] };
  }

  endpoints(): Iterable<[address: string, endpoint: Endpoint]> {
    return this.#endpoints;
  }
}

/** Pods by the host part of their address, without those of the host network, which share the IP of their node. */
function podsByIp(pods: readonly V1Pod[]): Map<string, WorkloadId> {
  const byIp = new Map<string, WorkloadId>();
  for (const pod of pods) {
    if (pod.spec?.hostNetwork || FINISHED.has(pod.status?.phase ?? '')) continue;
    const workload = workloadOf(pod);
    const ips = pod.status?.podIPs?.map(({ ip }) => ip) ?? [pod.status?.podIP ?? ''];
    for (const ip of ips) if (ip) byIp.set(host(ip), workload);
  }
  return byIp;
}

function endpointsByAddress(
  { pods, services, endpointSlices }: TopologyObjects,
  podsByIp: ReadonlyMap<string, WorkloadId>,
): Map<string, Endpoint> {
  const podsByName = new Map(pods.map((pod) => [nameOf(pod), workloadOf(pod)]));
  const byAddress = new Map<string, Endpoint>();
  const byService = new Map<string, Map<string, WorkloadId>>();
  for (const slice of endpointSlices) {
    const service = `${slice.metadata?.namespace ?? ''}/${slice.metadata?.labels?.[SERVICE_NAME_LABEL] ?? ''}`;
    const workloads = byService.get(service) ?? new Map<string, WorkloadId>();
    byService.set(service, workloads);
    for (const { addresses, targetRef } of slice.endpoints) {
      const named = targetRef?.kind === 'Pod' ? `${targetRef.namespace ?? ''}/${targetRef.name ?? ''}` : '';
      const workload = podsByName.get(named) ?? podsByIp.get(host(addresses[0] ?? ''));
      if (workload) workloads.set(workloadKey(workload), workload);
      for (const address of socketAddresses(addresses, slice.ports ?? [])) {
        byAddress.set(address, { service, workloads: workload ? [workload] : [] });
      }
    }
  }
  for (const service of services) {
    const name = nameOf(service);
    const workloads = [...(byService.get(name)?.values() ?? [])];
    for (const address of socketAddresses(serviceIps(service), service.spec?.ports ?? [])) {
      byAddress.set(address, { service: name, workloads });
    }
  }
  return byAddress;
}

function serviceIps({ spec, status }: V1Service): string[] {
  const cluster = spec?.clusterIPs ?? (spec?.clusterIP ? [spec.clusterIP] : []);
  const balancers = status?.loadBalancer?.ingress?.map(({ ip }) => ip ?? '') ?? [];
  return [...cluster, ...(spec?.externalIPs ?? []), ...balancers].filter((ip) => ip && ip !== 'None');
}

function* socketAddresses(
  ips: readonly string[],
  ports: readonly { port?: number; protocol?: string }[],
): Iterable<string> {
  for (const { port, protocol } of ports) {
    if (port === undefined || (protocol ?? 'TCP') !== 'TCP') continue;
    for (const ip of ips) yield `${host(ip)}:${port}`;
  }
}

function host(ip: string): string {
  return ip.includes(':') ? `[${ip}]` : ip;
}

function nameOf({ metadata }: V1Pod | V1Service): string {
  return `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;
}

import { getOrCompute } from '../../common/once.js';
import { workloadKey, type WorkloadId } from '../core/types.js';
import type { KnownPod, KnownService, KnownSlice } from './objects.js';

export interface TopologyObjects {
  readonly pods: readonly KnownPod[];
  readonly services: readonly KnownService[];
  readonly endpointSlices: readonly KnownSlice[];
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

/** Pods by the host part of their address. */
function podsByIp(pods: readonly KnownPod[]): Map<string, WorkloadId> {
  const running = pods.filter(({ ended }) => !ended);
  return new Map(running.flatMap(({ ips, workload }) => ips.map((ip) => [host(ip), workload] as const)));
}

function endpointsByAddress(
  { pods, services, endpointSlices }: TopologyObjects,
  podsByIp: ReadonlyMap<string, WorkloadId>,
): Map<string, Endpoint> {
  const podsByName = new Map(pods.map(({ id, workload }) => [id, workload]));
  const byAddress = new Map<string, Endpoint>();
  const byService = new Map<string, Map<string, WorkloadId>>();
  for (const { service, ports, endpoints } of endpointSlices) {
    const workloads = getOrCompute(byService, service, () => new Map<string, WorkloadId>());
    for (const { ips, pod = '' } of endpoints) {
      const workload = podsByName.get(pod) ?? podsByIp.get(host(ips[0] ?? ''));
      if (workload) workloads.set(workloadKey(workload), workload);
      for (const address of socketAddresses(ips, ports)) {
        byAddress.set(address, { service, workloads: workload ? [workload] : [] });
      }
    }
  }
  for (const { id, ips, ports } of services) {
    const workloads = [...(byService.get(id)?.values() ?? [])];
    for (const address of socketAddresses(ips, ports)) byAddress.set(address, { service: id, workloads });
  }
  return byAddress;
}

function* socketAddresses(ips: readonly string[], ports: readonly number[]): Iterable<string> {
  for (const port of ports) for (const ip of ips) yield `${host(ip)}:${port}`;
}

function host(ip: string): string {
  return ip.includes(':') ? `[${ip}]` : ip;
}

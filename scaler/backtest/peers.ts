import type { WorkloadId } from '../core/types.js';
import type { Endpoint } from '../kubernetes/topology.js';
import type { RangeSeries } from '../promql/range.js';

/** Who answered at which address, as the scaler told in its metrics at the time. */
export const ENDPOINTS =
  'max by (address, namespace, workload, workload_kind) (kernscale_endpoint_info{workload!=""})';

/** Resolves a peer at one time of a grid; undefined as a whole while no scaler told who answers where. */
export type PeersAt = (index: number) => ((peer: string) => Endpoint | undefined) | undefined;

export function peersOf(series: readonly RangeSeries[]): PeersAt {
  const known = new Map<number, ReadonlyMap<string, Endpoint> | undefined>();
  return (index) => {
    if (!known.has(index)) known.set(index, endpointsAt(series, index));
    const endpoints = known.get(index);
    return endpoints && ((peer) => endpoints.get(peer));
  };
}

function endpointsAt(series: readonly RangeSeries[], index: number): Map<string, Endpoint> | undefined {
  const endpoints = new Map<string, { workloads: WorkloadId[] }>();
  for (const { labels, present } of series) {
    const { address, namespace, workload: name, workload_kind: kind } = labels;
    if (present[index] !== 1 || !address || !namespace || !name || !kind) continue;
    const endpoint = endpoints.get(address) ?? { workloads: [] };
    endpoint.workloads.push({ namespace, kind, name });
    endpoints.set(address, endpoint);
  }
  return endpoints.size > 0 ? endpoints : undefined;
}

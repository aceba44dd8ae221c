import { workloadKey, type Peer } from '../core/types.js';
import type { Endpoint } from '../kubernetes/topology.js';

/** The peer under which the exporter folds those beyond its bound. */
const FOLDED_PEERS = 'other';

/** Returns the endpoint at `ip:port`; undefined for an address that is not known in the cluster. */
export type Resolve = (peer: string) => Endpoint | undefined;

/** @param resolve undefined while the Services of the cluster are not known */
export function peerOf(peer: string, resolve: Resolve | undefined): Peer {
  if (peer === FOLDED_PEERS) {
    return { type: 'unresolved', text: 'stands for the peers beyond the bound of the exporter' };
  }
  if (!resolve)
    return { type: 'unresolved', text: 'is unresolved: the Services of the cluster are not known yet' };
  const endpoint = resolve(peer);
  if (!endpoint) return { type: 'external' };
  const [workload, second] = endpoint.workloads;
  const service = endpoint.service ? `is Service ${endpoint.service}, which ` : '';
  if (!workload) return { type: 'unresolved', text: `${service}has no pods` };
  if (second) return { type: 'unresolved', text: `${service}has pods of several workloads` };
  return { type: 'workload', workload: workloadKey(workload) };
}

export interface FleetSize {
  readonly workloads: number;
  /** Of each workload. */
  readonly pods: number;
  /** Length of a pod's JSON. */
  readonly podBytes: number;
}

/** As many peers as the model workload calls. */
export const PEERS = 3;

export function workloadName(index: number): string {
  return `service-${String(index).padStart(5, '0')}`;
}

export function podNames(workload: number, pods: number): string[] {
  const name = workloadName(workload);
  return Array.from({ length: pods }, (_, pod) => `${name}-5d4f8c7b96-x7k2${pod}`);
}

/** Address of a workload's Service. */
export function serviceAddress(index: number): string {
  return `10.${96 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}:80`;
}

/** Address of one of the peers that a workload calls. */
export function peerAddress(workload: number, peer: number, workloads: number): string {
  return serviceAddress((workload * 7 + 1 + peer) % workloads);
}

/** `namespace/kind/name`; what signals, edges and the neighbourhood are keyed by. */
export type WorkloadKey = string;

export interface WorkloadId {
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
}

export function workloadKey({ namespace, kind, name }: WorkloadId): WorkloadKey {
  return `${namespace}/${kind}/${name}`;
}

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

const KEY = /^([^/]+)\/([^/]+)\/([^/]+)$/;

/** The reverse of {@link workloadKey}; undefined for a text that is no key. */
export function parseKey(key: WorkloadKey): WorkloadId | undefined {
  const [, namespace, kind, name] = KEY.exec(key) ?? [];
  return namespace && kind && name ? { namespace, kind, name } : undefined;
}

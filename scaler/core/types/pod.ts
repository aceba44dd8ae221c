/** What the API server says about a pod, as far as sizing needs it. */
export interface Pod {
  readonly name: string;
  readonly phase: string;
  /** Status of the Ready condition: `True`, `False` or `Unknown`; undefined where there is none. */
  readonly ready?: string;
  /** When that condition last changed. */
  readonly readySince?: number;
  /** When the kubelet took the pod on. */
  readonly startedAt?: number;
  /** Whether it is being deleted. */
  readonly deleted: boolean;
  /** The request of the pod as a whole, which goes before that of its containers. */
  readonly request?: number;
  /** Containers that run beside each other: sidecars are among them, other init containers are not. */
  readonly containers: readonly PodContainer[];
}

export interface PodContainer {
  readonly name: string;
  /** CPU request in cores; undefined where there is none. */
  readonly request?: number;
}

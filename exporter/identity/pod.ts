import type { OwnerReference } from '../../common/workload.js';

/**
 * What the exporter reads of a pod, as it stands on the wire (timestamps are strings there, unlike in
 * client-node's model classes).
 */
export interface Pod {
  readonly metadata: PodMetadata;
  readonly spec?: {
    /** Of the pod as a whole (pod-level resources, Kubernetes 1.34 and newer). */
    readonly resources?: Resources;
    readonly containers?: readonly Container[];
    readonly initContainers?: readonly Container[];
    readonly ephemeralContainers?: readonly Container[];
  };
  readonly status?: {
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly ephemeralContainerStatuses?: readonly ContainerStatus[];
  };
}

export interface PodMetadata {
  readonly namespace?: string;
  readonly name?: string;
  readonly uid?: string;
  readonly creationTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
}

export interface Container {
  readonly name: string;
  readonly image?: string;
  readonly resources?: Resources;
  /** `Always` for an init container that is a sidecar. */
  readonly restartPolicy?: string;
}

export interface Resources {
  readonly requests?: Readonly<Record<string, string>>;
  readonly limits?: Readonly<Record<string, string>>;
}

export interface ContainerStatus {
  readonly name: string;
  readonly containerID?: string;
  readonly lastState?: { readonly terminated?: { readonly containerID?: string } };
}

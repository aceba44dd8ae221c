import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from './apps.js';
import type { Condition, KubeObject } from './meta.js';
import type { Pod } from './pod.js';
import type { Endpoints, EndpointSlice, Service } from './service.js';

export interface Namespace extends KubeObject {
  status: { phase: 'Active' | 'Terminating' };
}

export interface Node extends KubeObject {
  spec: { unschedulable?: boolean };
  status: {
    addresses: { type: string; address: string }[];
    capacity: Record<string, string>;
    allocatable: Record<string, string>;
    conditions: Condition[];
    nodeInfo: Record<string, string>;
  };
}

export interface Event extends KubeObject {
  involvedObject: {
    apiVersion?: string;
    kind?: string;
    namespace?: string;
    name?: string;
    uid?: string;
    fieldPath?: string;
  };
  reason?: string;
  message?: string;
  type?: string;
  count?: number;
  firstTimestamp?: string;
  lastTimestamp?: string;
  eventTime?: string | null;
  source?: { component?: string; host?: string };
  reportingComponent?: string;
  reportingInstance?: string;
}

export interface Lease extends KubeObject {
  spec: { holderIdentity?: string; leaseDurationSeconds?: number; renewTime?: string };
}

export interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
}

/** The type of every stored resource, by its plural name. */
export interface Kinds {
  clusterrolebindings: KubeObject;
  clusterroles: KubeObject;
  configmaps: ConfigMap;
  daemonsets: DaemonSet;
  deployments: Deployment;
  endpoints: Endpoints;
  endpointslices: EndpointSlice;
  events: Event;
  horizontalpodautoscalers: KubeObject;
  leases: Lease;
  namespaces: Namespace;
  nodes: Node;
  pods: Pod;
  replicasets: ReplicaSet;
  rolebindings: KubeObject;
  roles: KubeObject;
  scalingrules: KubeObject;
  secrets: KubeObject;
  serviceaccounts: KubeObject;
  services: Service;
  statefulsets: StatefulSet;
}

export type ResourceName = keyof Kinds;

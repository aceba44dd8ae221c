import { z } from 'zod';
import { strings, type KubeObject } from './meta.js';

const port = z.int().min(1).max(65_535);

/** v1.ServiceSpec; the server sets `clusterIP` at creation. */
export const serviceSpec = z.looseObject({
  type: z.enum(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName']).default('ClusterIP'),
  clusterIP: z.string().optional(),
  clusterIPs: z.array(z.string()).optional(),
  selector: strings.optional(),
  sessionAffinity: z.string().default('None'),
  ipFamilies: z.array(z.string()).default(['IPv4']),
  ipFamilyPolicy: z.string().default('SingleStack'),
  internalTrafficPolicy: z.string().default('Cluster'),
  ports: z
    .array(
      z
        .looseObject({
          name: z.string().optional(),
          port,
          protocol: z.string().default('TCP'),
          targetPort: z.union([port, z.string()]).optional(),
        })
        .transform((given) => ({ ...given, targetPort: given.targetPort ?? given.port })),
    )
    .default([]),
});

export interface Service extends KubeObject {
  spec: z.infer<typeof serviceSpec>;
  status?: unknown;
}

interface ObjectReference {
  kind: string;
  namespace: string;
  name: string;
  uid: string;
}

export interface EndpointPort {
  name: string;
  port: number;
  protocol: string;
}

export interface Endpoint {
  addresses: string[];
  conditions: { ready?: boolean; serving?: boolean; terminating?: boolean };
  nodeName?: string;
  targetRef?: ObjectReference;
}

export interface EndpointSlice extends KubeObject {
  addressType: 'IPv4';
  endpoints: Endpoint[];
  ports: EndpointPort[];
}

interface EndpointAddress {
  ip: string;
  nodeName?: string;
  targetRef?: ObjectReference;
}

/** v1.Endpoints, the predecessor of EndpointSlice, which older kubectl reads. */
export interface Endpoints extends KubeObject {
  subsets?: {
    addresses?: EndpointAddress[];
    notReadyAddresses?: EndpointAddress[];
    ports: { name?: string; port: number; protocol: string }[];
  }[];
}

import { z } from 'zod';
import { label, strings, type Condition, type KubeObject } from './meta.js';
import { parseQuantity } from '../../../common/quantity.js';

const quantity = z
  .union([z.string(), z.number()])
  .transform(String)
  .refine(
    (text) => /^\d+(\.\d+)?(n|u|m|k|M|G|T|Ki|Mi|Gi|Ti)?$/.test(text),
    'must be a quantity, like 200m or 64Mi',
  );
const quantities = z.record(z.string(), quantity);
const portReference = z.union([z.int().min(1).max(65_535), z.string()]);

/** A limit without a request is also the request, as the API server defaults it. */
const resources = z
  .looseObject({ limits: quantities.optional(), requests: quantities.optional() })
  .transform((given) =>
    given.limits ? { ...given, requests: { ...given.limits, ...given.requests } } : given,
  );

const probe = z
  .looseObject({
    httpGet: z
      .looseObject({
        path: z.string().default('/'),
        port: portReference,
        scheme: z.enum(['HTTP', 'HTTPS']).default('HTTP'),
      })
      .optional(),
    tcpSocket: z.looseObject({ port: portReference }).optional(),
    exec: z.looseObject({ command: z.array(z.string()) }).optional(),
    initialDelaySeconds: z.int().min(0).optional(),
    timeoutSeconds: z.int().min(1).default(1),
    periodSeconds: z.int().min(1).default(10),
    successThreshold: z.int().min(1).default(1),
    failureThreshold: z.int().min(1).default(3),
  })
  .refine(
    (given) => [given.httpGet, given.tcpSocket, given.exec].filter(Boolean).length === 1,
    'must specify exactly one of httpGet, tcpSocket, exec',
  );

const environmentVariable = z.looseObject({
  name: z.string().min(1),
  value: z.string().optional(),
  valueFrom: z
    .looseObject({
      fieldRef: z.looseObject({ apiVersion: z.string().default('v1'), fieldPath: z.string() }).optional(),
    })
    .optional(),
});

const container = z.looseObject({
  name: label,
  image: z.string().min(1),
  command: z.array(z.string()).optional(),
  args: z.array(z.string()).optional(),
  workingDir: z.string().optional(),
  env: z.array(environmentVariable).optional(),
  ports: z
    .array(
      z.looseObject({
        name: z.string().optional(),
        containerPort: z.int().min(1).max(65_535),
        protocol: z.string().default('TCP'),
      }),
    )
    .optional(),
  resources: resources.prefault({}),
  readinessProbe: probe.optional(),
  livenessProbe: probe.optional(),
  startupProbe: probe.optional(),
  imagePullPolicy: z.string().default('IfNotPresent'),
  terminationMessagePath: z.string().default('/dev/termination-log'),
  terminationMessagePolicy: z.string().default('File'),
});

/** v1.PodSpec with the API server's defaults. */
export const podSpec = z.looseObject({
  initContainers: z.array(container).optional(),
  containers: z.array(container).min(1),
  restartPolicy: z.enum(['Always', 'OnFailure', 'Never']).default('Always'),
  terminationGracePeriodSeconds: z.int().min(0).default(30),
  dnsPolicy: z.string().default('ClusterFirst'),
  serviceAccountName: z.string().default('default'),
  schedulerName: z.string().default('default-scheduler'),
  enableServiceLinks: z.boolean().default(true),
  securityContext: z.looseObject({}).prefault({}),
  nodeName: z.string().optional(),
});

/** v1.PodTemplateSpec. */
export const podTemplate = z.looseObject({
  metadata: z.looseObject({ labels: strings.optional(), annotations: strings.optional() }).prefault({}),
  spec: podSpec,
});

export type Probe = z.infer<typeof probe>;
export type Container = z.infer<typeof container>;
export type EnvironmentVariable = z.infer<typeof environmentVariable>;
export type PodSpec = z.infer<typeof podSpec>;
export type PodTemplate = z.infer<typeof podTemplate>;

export interface Terminated {
  exitCode: number;
  signal?: number;
  reason: string;
  startedAt: string;
  finishedAt: string;
  containerID: string;
}

export interface ContainerState {
  waiting?: { reason: string; message?: string };
  running?: { startedAt: string };
  terminated?: Terminated;
}

export interface ContainerStatus {
  name: string;
  image: string;
  imageID: string;
  containerID?: string;
  ready: boolean;
  started: boolean;
  restartCount: number;
  state: ContainerState;
  lastState: ContainerState;
}

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

export interface PodStatus {
  phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed';
  conditions?: Condition[];
  qosClass?: QosClass;
  reason?: string;
  message?: string;
  hostIP?: string;
  hostIPs?: { ip: string }[];
  podIP?: string;
  podIPs?: { ip: string }[];
  startTime?: string;
  containerStatuses?: ContainerStatus[];
  initContainerStatuses?: ContainerStatus[];
}

export interface Pod extends KubeObject {
  spec: PodSpec;
  status: PodStatus;
}

/** True if the pod counts as a replica: neither finished nor being deleted. */
export function isActive(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp === undefined && !isFinished(pod);
}

export function isFinished(pod: Pod): boolean {
  return pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed';
}

export function isReady(pod: Pod): boolean {
  return pod.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

/** True if the pod has been ready for at least `minReadySeconds`. */
export function isAvailable(pod: Pod, minReadySeconds: number, now = Date.now()): boolean {
  const ready = pod.status.conditions?.find(({ type, status }) => type === 'Ready' && status === 'True');
  if (!ready) return false;
  return minReadySeconds === 0 || now >= Date.parse(ready.lastTransitionTime ?? '') + minReadySeconds * 1000;
}

/**
 * Quality of service class of a pod: Guaranteed if every container has CPU and memory limits equal to its requests,
 * BestEffort if no container has any of them, else Burstable (kubernetes.io, "Pod Quality of Service Classes").
 */
export function qosClass(spec: PodSpec): QosClass {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  if (containers.every(({ resources }) => !declares(resources.limits) && !declares(resources.requests))) {
    return 'BestEffort';
  }
  return containers.every(isGuaranteed) ? 'Guaranteed' : 'Burstable';
}

function declares(quantities: Record<string, string> | undefined): boolean {
  return quantities?.['cpu'] !== undefined || quantities?.['memory'] !== undefined;
}

function isGuaranteed({ resources: { limits, requests } }: Container): boolean {
  return ['cpu', 'memory'].every((name) => {
    const [limit, request] = [limits?.[name], requests?.[name]];
    return limit !== undefined && request !== undefined && parseQuantity(limit) === parseQuantity(request);
  });
}

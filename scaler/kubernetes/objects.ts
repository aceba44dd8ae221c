import { containersBeside, containerStatuses, cpuInForce, podCpuInForce } from '../../common/cpu-in-force.js';
import type { Fields } from '../../common/fields.js';
import { workloadOf } from '../../common/workload.js';
import type { Pod, PodContainer, ScaleTargetRef, WorkloadId } from '../core/types.js';

/** The part of a Pod that is kept. */
export interface KnownPod {
  /** `namespace/name`. */
  readonly id: string;
  readonly workload: WorkloadId;
  /** Addresses; none in the network of its node, whose address it shares. */
  readonly ips: readonly string[];
  /** True once its containers have ended for good: it carries no load. */
  readonly ended: boolean;
  readonly pod: Pod;
}

/** The part of a Service that is kept. */
export interface KnownService {
  /** `namespace/name`. */
  readonly id: string;
  readonly ips: readonly string[];
  /** Those of TCP. */
  readonly ports: readonly number[];
}

/** The part of an EndpointSlice that is kept. */
export interface KnownSlice {
  /** `namespace/name` of its Service. */
  readonly service: string;
  /** Those of TCP. */
  readonly ports: readonly number[];
  readonly endpoints: readonly {
    readonly ips: readonly string[];
    /** `namespace/name`, if the endpoint is a pod. */
    readonly pod?: string;
  }[];
}

/** A watched workload, whose replicas are known without a request for each. */
export interface WatchedWorkload {
  readonly ref: ScaleTargetRef;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `spec.replicas`; undefined where it is not a number of replicas. */
  readonly replicas: number | undefined;
}

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
/** Labels in which controllers name the template of a pod: of ReplicaSets, of Argo Rollouts, of StatefulSets and DaemonSets. */
const TEMPLATE_LABELS = ['pod-template-hash', 'rollouts-pod-template-hash', 'controller-revision-hash'];
const TERMINAL = new Set(['Succeeded', 'Failed']);

/** @throws KernscaleError `OBJECT_UNREADABLE` without a name */
export function readPod(object: Fields): KnownPod {
  const status = object.fields('status');
  const podIPs = status.list('podIPs').map((one) => one.string('ip') ?? '');
  const inNodeNetwork = object.fields('spec').boolean('hostNetwork') ?? false;
  return {
    id: idOf(object),
    workload: workloadOf(object),
    ips: inNodeNetwork ? [] : (podIPs.length > 0 ? podIPs : [status.string('podIP') ?? '']).filter(Boolean),
    ended: TERMINAL.has(status.string('phase') ?? ''),
    pod: podFor(object),
  };
}

function podFor(object: Fields): Pod {
  const [metadata, status] = [object.fields('metadata'), object.fields('status')];
  const condition = status.list('conditions').find((one) => one.string('type') === 'Ready');
  const [ready, readySince] = [condition?.string('status'), condition?.time('lastTransitionTime')];
  const [createdAt, startedAt] = [metadata.time('creationTimestamp'), status.time('startTime')];
  const crashedAt = lastCrash(status.list('containerStatuses'));
  const labels = metadata.texts('labels');
  const template = TEMPLATE_LABELS.map((name) => labels[name]).find((hash) => hash !== undefined);
  const faults = object.faultCount;
  const { request } = podCpuInForce(object);
  const statuses = containerStatuses(object);
  const containers = containersBeside(object).map((one) => readContainer(one, statuses));
  return {
    name: metadata.required('name'),
    phase: status.string('phase') ?? 'Unknown',
    ...(ready !== undefined && { ready }),
    ...(readySince !== undefined && { readySince }),
    ...(createdAt !== undefined && { createdAt }),
    ...(startedAt !== undefined && { startedAt }),
    ...(crashedAt !== undefined && { crashedAt }),
    ...(template !== undefined && { template }),
    deleted: metadata.value('deletionTimestamp') !== undefined,
    ...(request !== undefined && { request }),
    ...(object.faultCount > faults && { requestUnreadable: true }),
    containers,
  };
}

/** Time at which a container last ended, of those that the kubelet starts again. */
function lastCrash(containers: readonly Fields[]): number | undefined {
  const states = containers.flatMap((one) => [one.fields('state'), one.fields('lastState')]);
  const ends = states.flatMap((state) => state.fields('terminated').time('finishedAt') ?? []);
  return ends.length === 0 ? undefined : Math.max(...ends);
}

function readContainer(container: Fields, statuses: ReadonlyMap<string, Fields>): PodContainer {
  const name = container.string('name') ?? '';
  const { request } = cpuInForce(container, statuses.get(name));
  return { name, ...(request !== undefined && { request }) };
}

/** @throws KernscaleError `OBJECT_UNREADABLE` without a name */
export function readService(object: Fields): KnownService {
  const spec = object.fields('spec');
  const clusterIPs = spec.strings('clusterIPs');
  const cluster = clusterIPs.length > 0 ? clusterIPs : [spec.string('clusterIP') ?? ''];
  const ingress = object.fields('status').fields('loadBalancer').list('ingress');
  const balancers = ingress.map((one) => one.string('ip') ?? '');
  const ips = [...cluster, ...spec.strings('externalIPs'), ...balancers];
  return { id: idOf(object), ips: ips.filter((ip) => ip && ip !== 'None'), ports: tcpPorts(spec) };
}

/** A Service without pods has slices whose lists are null. */
export function readSlice(object: Fields): KnownSlice {
  const metadata = object.fields('metadata');
  const service = `${metadata.string('namespace') ?? ''}/${metadata.texts('labels')[SERVICE_NAME_LABEL] ?? ''}`;
  const endpoints = object.list('endpoints').map((endpoint) => {
    const target = endpoint.fields('targetRef');
    const pod = `${target.string('namespace') ?? ''}/${target.string('name') ?? ''}`;
    return { ips: endpoint.strings('addresses'), ...(target.string('kind') === 'Pod' && { pod }) };
  });
  return { service, ports: tcpPorts(object), endpoints };
}

function tcpPorts(object: Fields): number[] {
  const tcp = object.list('ports').filter((port) => (port.string('protocol') ?? 'TCP') === 'TCP');
  return tcp.flatMap((port) => port.count('port') ?? []);
}

/**
 * Reads a workload.
 *
 * @throws KernscaleError `OBJECT_UNREADABLE` without a name
 */
export function readWorkload(
  { apiVersion, kind }: Pick<ScaleTargetRef, 'apiVersion' | 'kind'>,
  object: Fields,
): WatchedWorkload {
  const [metadata, spec] = [object.fields('metadata'), object.fields('spec')];
  const name = metadata.required('name');
  return {
    ref: { apiVersion, kind, namespace: metadata.string('namespace') ?? '', name },
    uid: metadata.string('uid') ?? '',
    labels: metadata.texts('labels'),
    // An absent one is 1, the default of the API server, unless the kind counts its replicas elsewhere.
    replicas: spec.value('replicas') === undefined && apiVersion === 'apps/v1' ? 1 : spec.count('replicas'),
  };
}

function idOf(object: Fields): string {
  const metadata = object.fields('metadata');
  return `${metadata.string('namespace') ?? ''}/${metadata.required('name')}`;
}

import { createHash } from 'node:crypto';
import {
  containersBeside,
  containerStatuses,
  cpuInForce,
  memoryInForce,
  podCpuInForce,
  podMemoryInForce,
} from '../../common/cpu-in-force.js';
import type { Fields } from '../../common/fields.js';
import { workloadOf } from '../../common/workload.js';
import type { Writer } from '../core/other-writers.js';
import { ANNOTATIONS } from '../core/restrictions.js';
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

/** The part of a Namespace that is kept. */
export interface KnownNamespace {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** A watched workload, whose replicas are known without a request for each. */
export interface WatchedWorkload {
  readonly ref: ScaleTargetRef;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Those of its namespace; undefined where no rule needs them, and while they are not known. */
  readonly namespaceLabels?: Readonly<Record<string, string>>;
  /** Those for Kernscale; undefined without any. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** `spec.replicas`; undefined where it is not a number of replicas. */
  readonly replicas: number | undefined;
  /** Who wrote them last; undefined where the API server does not tell. */
  readonly writer?: Writer;
}

/** The part of a HorizontalPodAutoscaler that is kept. */
export interface KnownAutoscaler {
  /** The workload that it scales. */
  readonly target: WorkloadId;
  /** `HorizontalPodAutoscaler shop/web`, with the object that made it: a ScaledObject of KEDA. */
  readonly name: string;
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
  const node = object.fields('spec').string('nodeName');
  const faults = object.faultCount;
  const { request } = podCpuInForce(object);
  const statuses = containerStatuses(object);
  const beside = containersBeside(object);
  const cpus = beside.map((one) => cpuInForce(one, statusOf(one, statuses)).request);
  const isCpuRead = object.faultCount === faults;
  const memory = podMemoryInForce(object);
  const containers = beside.map((one, index) => readContainer(one, statuses, cpus[index]));
  return {
    name: metadata.required('name'),
    ...(node !== undefined && { node }),
    phase: status.string('phase') ?? 'Unknown',
    ...(ready !== undefined && { ready }),
    ...(readySince !== undefined && { readySince }),
    ...(createdAt !== undefined && { createdAt }),
    ...(startedAt !== undefined && { startedAt }),
    ...(crashedAt !== undefined && { crashedAt }),
    ...(template !== undefined && { template }),
    deleted: metadata.value('deletionTimestamp') !== undefined,
    ...(request !== undefined && { request }),
    ...(!isCpuRead && { requestUnreadable: true }),
    ...(memory !== undefined && { memory }),
    containers,
  };
}

/** Time at which a container last ended, of those that the kubelet starts again. */
function lastCrash(containers: readonly Fields[]): number | undefined {
  const states = containers.flatMap((one) => [one.fields('state'), one.fields('lastState')]);
  const ends = states.flatMap((state) => state.fields('terminated').time('finishedAt') ?? []);
  return ends.length === 0 ? undefined : Math.max(...ends);
}

function readContainer(
  container: Fields,
  statuses: ReadonlyMap<string, Fields>,
  request: number | undefined,
): PodContainer {
  const name = container.string('name') ?? '';
  const memory = memoryInForce(container, statusOf(container, statuses));
  return { name, ...(request !== undefined && { request }), ...(memory !== undefined && { memory }) };
}

function statusOf(container: Fields, statuses: ReadonlyMap<string, Fields>): Fields | undefined {
  return statuses.get(container.string('name') ?? '');
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
 * @param fieldManager Kernscale's own
 * @throws KernscaleError `OBJECT_UNREADABLE` without a name
 */
export function readWorkload(
  { apiVersion, kind }: Pick<ScaleTargetRef, 'apiVersion' | 'kind'>,
  object: Fields,
  fieldManager: string,
): WatchedWorkload {
  const [metadata, spec] = [object.fields('metadata'), object.fields('spec')];
  const name = metadata.required('name');
  const annotations = Object.entries(metadata.texts('annotations')).filter(([key]) =>
    key.startsWith(ANNOTATIONS),
  );
  const writer = writerOf(object, fieldManager);
  return {
    ref: { apiVersion, kind, namespace: metadata.string('namespace') ?? '', name },
    uid: metadata.string('uid') ?? '',
    labels: metadata.texts('labels'),
    ...(annotations.length > 0 && { annotations: Object.fromEntries(annotations) }),
    // An absent one is 1, the default of the API server, unless the kind counts its replicas elsewhere.
    replicas: spec.value('replicas') === undefined && apiVersion === 'apps/v1' ? 1 : spec.count('replicas'),
    ...(writer && { writer }),
  };
}

/**
 * The field manager that owns `spec.replicas`, itself or through the scale subresource. Whoever changes them becomes the
 * only owner; who applies the number that they have owns them, too, so Kernscale's own write stands while it is an owner.
 */
function writerOf(object: Fields, fieldManager: string): Writer | undefined {
  const metadata = object.fields('metadata');
  const owners = metadata
    .list('managedFields')
    .filter((entry) => entry.fields('fieldsV1').fields('f:spec').value('f:replicas') !== undefined)
    // API servers give no time to a write through the scale subresource; who applies its number does so later.
    .map((entry) => ({ manager: entry.string('manager') ?? '', at: entry.time('time') ?? 0 }))
    .sort((a, b) => b.at - a.at);
  const owner = owners.find(({ manager }) => manager === fieldManager) ?? owners[0];
  const generation = metadata.count('generation');
  if (!owner || generation === undefined) return undefined;
  const template = JSON.stringify(object.fields('spec').value('template')) as string | undefined;
  const digest = createHash('sha1')
    .update(template ?? '')
    .digest('base64');
  return {
    ...(owner.manager !== fieldManager && { manager: owner.manager }),
    generation,
    template: `${metadata.string('uid') ?? ''} ${digest}`,
  };
}

/** @throws KernscaleError `OBJECT_UNREADABLE` without a name */
export function readAutoscaler(object: Fields): KnownAutoscaler {
  const namespace = object.fields('metadata').string('namespace') ?? '';
  const target = object.fields('spec').fields('scaleTargetRef');
  const maker = object
    .fields('metadata')
    .list('ownerReferences')
    .find((owner) => owner.boolean('controller') ?? false);
  const own = `HorizontalPodAutoscaler ${idOf(object)}`;
  return {
    target: { namespace, kind: target.string('kind') ?? '', name: target.string('name') ?? '' },
    name: maker ? `${maker.string('kind') ?? ''} ${namespace}/${maker.string('name') ?? ''} (${own})` : own,
  };
}

/** @throws KernscaleError `OBJECT_UNREADABLE` without a name */
export function readNamespace(object: Fields): KnownNamespace {
  const metadata = object.fields('metadata');
  return { name: metadata.required('name'), labels: metadata.texts('labels') };
}

function idOf(object: Fields): string {
  const metadata = object.fields('metadata');
  return `${metadata.string('namespace') ?? ''}/${metadata.required('name')}`;
}

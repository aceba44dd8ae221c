import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from '../objects/apps.js';
import type { ConfigMap, Event, Lease, Namespace, Node, ResourceName } from '../objects/kinds.js';
import type { KubeObject } from '../objects/meta.js';
import type { Pod, PodTemplate, ContainerStatus } from '../objects/pod.js';
import type { Endpoints, EndpointSlice, Service } from '../objects/service.js';
import { formatSelector } from './selectors.js';

/** One column of a server-side table; `kubectl get` shows priority 1 only with `-o wide`. */
export interface Column {
  name: string;
  type: 'string' | 'integer';
  format: '' | 'name';
  priority: 0 | 1;
  cell: (object: KubeObject) => string | number;
}

type Cell<T> = (object: T) => string | number | undefined;

/** The columns of `kubectl get` for a resource. */
export function columnsOf(resource: ResourceName): readonly Column[] {
  return COLUMNS[resource] ?? [NAME, AGE];
}

const NAME: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  priority: 0,
  cell: ({ metadata }) => metadata.name,
};
const AGE = column<KubeObject>('Age', ({ metadata }) => ageOf(metadata.creationTimestamp));

function column<T extends KubeObject>(name: string, cell: Cell<T>, priority: 0 | 1 = 0): Column {
  return { name, type: 'string', format: '', priority, cell: (object) => cell(object as T) ?? '<none>' };
}

function number<T extends KubeObject>(name: string, cell: Cell<T>): Column {
  return { ...column(name, cell), type: 'integer' };
}

function wide<T extends KubeObject>(name: string, cell: Cell<T>): Column {
  return column(name, cell, 1);
}

type Templated = KubeObject & { spec: { template: PodTemplate } };
const CONTAINERS = wide<Templated>('Containers', ({ spec }) =>
  spec.template.spec.containers.map(({ name }) => name).join(','),
);
const IMAGES = wide<Templated>('Images', ({ spec }) =>
  spec.template.spec.containers.map(({ image }) => image).join(','),
);
const SELECTOR = wide<Deployment>('Selector', ({ spec }) => formatSelector(spec.selector));

const COLUMNS: Partial<Record<ResourceName, readonly Column[]>> = {
  pods: [
    NAME,
    column('Ready', readyContainers),
    column('Status', podStatus),
    column('Restarts', restarts),
    AGE,
    wide<Pod>('IP', ({ status }) => status.podIP),
    wide<Pod>('Node', ({ spec }) => spec.nodeName),
    wide<Pod>('Nominated Node', () => undefined),
    wide<Pod>('Readiness Gates', () => undefined),
  ],
  deployments: [
    NAME,
    column<Deployment>('Ready', ({ spec, status }) => `${status.readyReplicas ?? 0}/${spec.replicas}`),
    number<Deployment>('Up-to-date', ({ status }) => status.updatedReplicas ?? 0),
    number<Deployment>('Available', ({ status }) => status.availableReplicas ?? 0),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
  ],
  daemonsets: [
    NAME,
    number<DaemonSet>('Desired', ({ status }) => status.desiredNumberScheduled),
    number<DaemonSet>('Current', ({ status }) => status.currentNumberScheduled),
    number<DaemonSet>('Ready', ({ status }) => status.numberReady),
    number<DaemonSet>('Up-to-date', ({ status }) => status.updatedNumberScheduled ?? 0),
    number<DaemonSet>('Available', ({ status }) => status.numberAvailable ?? 0),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
  ],
  replicasets: [
    NAME,
    number<ReplicaSet>('Desired', ({ spec }) => spec.replicas),
    number<ReplicaSet>('Current', ({ status }) => status.replicas),
    number<ReplicaSet>('Ready', ({ status }) => status.readyReplicas ?? 0),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
  ],
  statefulsets: [
    NAME,
    column<StatefulSet>('Ready', ({ spec, status }) => `${status.readyReplicas ?? 0}/${spec.replicas}`),
    AGE,
    CONTAINERS,
    IMAGES,
  ],
  services: [
    NAME,
    column<Service>('Type', ({ spec }) => spec.type),
    column<Service>('Cluster-IP', ({ spec }) => spec.clusterIP),
    column<Service>('External-IP', () => undefined),
    column<Service>('Port(s)', ({ spec }) =>
      list(spec.ports.map(({ port, protocol }) => `${port}/${protocol}`)),
    ),
    AGE,
    wide<Service>('Selector', ({ spec }) => list(labels(spec.selector))),
  ],
  endpoints: [
    NAME,
    column<Endpoints>('Endpoints', ({ subsets }) => list((subsets ?? []).flatMap(addresses))),
    AGE,
  ],
  endpointslices: [
    NAME,
    column<EndpointSlice>('AddressType', ({ addressType }) => addressType),
    column<EndpointSlice>('Ports', ({ ports }) => list(ports.map(({ port }) => String(port)))),
    column<EndpointSlice>('Endpoints', ({ endpoints }) =>
      list(endpoints.flatMap((endpoint) => endpoint.addresses)),
    ),
    AGE,
  ],
  events: [
    column<Event>('Last Seen', (event) => ageOf(lastSeen(event))),
    column<Event>('Type', ({ type }) => type),
    column<Event>('Reason', ({ reason }) => reason),
    column<Event>(
      'Object',
      ({ involvedObject: { kind = '', name = '' } }) => `${kind.toLowerCase()}/${name}`,
    ),
    wide<Event>('Subobject', ({ involvedObject }) => involvedObject.fieldPath ?? ''),
    wide<Event>('Source', ({ source, reportingComponent }) => source?.component ?? reportingComponent ?? ''),
    column<Event>('Message', ({ message }) => message?.trim() ?? ''),
    wide<Event>('First Seen', (event) => ageOf(event.firstTimestamp ?? lastSeen(event))),
    wide<Event>('Count', ({ count }) => count ?? 1),
    { ...NAME, priority: 1 },
  ],
  leases: [NAME, column<Lease>('Holder', ({ spec }) => spec.holderIdentity ?? ''), AGE],
  namespaces: [NAME, column<Namespace>('Status', ({ status }) => status.phase), AGE],
  nodes: [
    NAME,
    column<Node>('Status', ({ spec }) => (spec.unschedulable ? 'Ready,SchedulingDisabled' : 'Ready')),
    column<Node>('Roles', () => undefined),
    AGE,
    column<Node>('Version', ({ status }) => status.nodeInfo['kubeletVersion']),
    wide<Node>('Internal-IP', ({ status }) => status.addresses[0]?.address),
    wide<Node>('External-IP', () => undefined),
    wide<Node>('OS-Image', ({ status }) => status.nodeInfo['osImage']),
    wide<Node>('Kernel-Version', ({ status }) => status.nodeInfo['kernelVersion']),
    wide<Node>('Container-Runtime', ({ status }) => status.nodeInfo['containerRuntimeVersion']),
  ],
  configmaps: [NAME, number<ConfigMap>('Data', ({ data }) => Object.keys(data ?? {}).length), AGE],
};

function lastSeen(event: Event): string {
  return event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp;
}

function addresses({ addresses: ready = [], ports }: NonNullable<Endpoints['subsets']>[number]): string[] {
  return ready.flatMap(({ ip }) => ports.map(({ port }) => `${ip}:${port}`));
}

function labels(selector: Record<string, string> = {}): string[] {
  return Object.entries(selector).map(([key, value]) => `${key}=${value}`);
}

/** The first three values, and the number of others. */
function list(values: readonly string[]): string | undefined {
  if (values.length === 0) return undefined;
  const shown = values.slice(0, 3).join(',');
  return values.length > 3 ? `${shown} + ${values.length - 3} more...` : shown;
}

/** The STATUS column: the most specific reason, as in k8s.io/kubernetes pkg/printers. */
function podStatus(pod: Pod): string {
  const { status, metadata } = pod;
  if (metadata.deletionTimestamp !== undefined) return 'Terminating';
  const initializing = initStatus(pod);
  if (initializing !== undefined) return initializing;
  const reasons = (status.containerStatuses ?? [])
    .map(containerReason)
    .filter((reason) => reason !== undefined);
  const running = status.containerStatuses?.some(({ ready, state }) => ready && state.running) ?? false;
  const reason = reasons[0] ?? status.reason ?? status.phase;
  return reason === 'Completed' && running ? 'Running' : reason;
}

function readyContainers({ spec, status }: Pod): string {
  const ready = status.containerStatuses?.filter((container) => container.ready).length ?? 0;
  return `${ready}/${spec.containers.length}`;
}

/** `3`, or `3 (20s ago)` with the end of the last run. */
function restarts({ status }: Pod): string {
  const containers = status.containerStatuses ?? [];
  const count = containers.reduce((sum, { restartCount }) => sum + restartCount, 0);
  const ends = containers.flatMap(({ lastState }) => lastState.terminated?.finishedAt ?? []).sort();
  return count === 0 || ends.length === 0 ? String(count) : `${count} (${ageOf(ends.at(-1))} ago)`;
}

function initStatus({ spec, status }: Pod): string | undefined {
  const containers = status.initContainerStatuses ?? [];
  const done = containers.filter(({ state }) => state.terminated?.exitCode === 0).length;
  const total = spec.initContainers?.length ?? 0;
  if (done === total) return undefined;
  const reason = containers.map(containerReason).find((text) => text !== undefined && text !== 'Completed');
  const ordinary = reason === undefined || reason === 'PodInitializing' || reason === 'ContainerCreating';
  return ordinary ? `Init:${done}/${total}` : `Init:${reason}`;
}

function containerReason({ state }: ContainerStatus): string | undefined {
  return state.waiting?.reason ?? state.terminated?.reason;
}

/** Formats a duration as kubectl does: `45s`, `3m20s`, `5h`, `12d` (k8s.io/apimachinery duration.HumanDuration). */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  return days < 8 ? pair(days, 'd', hours % 24, 'h') : `${days}d`;
}

/** Age of an RFC 3339 time. */
function ageOf(time: string | undefined, now = Date.now()): string {
  return time === undefined ? '<unknown>' : humanDuration(now - Date.parse(time));
}

function pair(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big}${bigUnit}` : `${big}${bigUnit}${small}${smallUnit}`;
}

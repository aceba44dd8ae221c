import { type Log, Reconciler, self, type Key } from './reconciler.js';
import { randomSuffix, controllerReference, isControlledBy } from '../objects/meta.js';
import { isFinished, isReady, type Pod } from '../objects/pod.js';
import type { Endpoint, Endpoints, EndpointPort, EndpointSlice, Service } from '../objects/service.js';
import type { Store } from '../store.js';
import { selects } from '../../../common/label-selector.js';

const SERVICE_LABEL = 'kubernetes.io/service-name';
const MANAGER_LABEL = 'endpointslice.kubernetes.io/managed-by';

/**
 * Keeps one EndpointSlice per Service with a selector, and the legacy Endpoints object of the same name. (A real
 * cluster starts another slice after 100 endpoints.)
 */
export function endpointSliceController(store: Store, log: Log): Reconciler {
  const servicesOf = (pod: Pod): Key[] =>
    store
      .list('services', pod.metadata.namespace)
      .filter((service) => isBackedBy(service, pod))
      .flatMap(self);
  return new Reconciler(store, log, { services: self, pods: servicesOf }, ({ namespace, name }) => {
    const service = store.get('services', namespace, name);
    if (service?.spec.selector) reconcile(store, service);
    return undefined;
  });
}

function isBackedBy({ spec }: Service, pod: Pod): boolean {
  return spec.selector !== undefined && selects({ matchLabels: spec.selector }, pod.metadata.labels);
}

function reconcile(store: Store, service: Service): void {
  const pods = store
    .list('pods', service.metadata.namespace)
    .filter((pod) => isBackedBy(service, pod) && pod.status.podIP !== undefined && !isFinished(pod));
  const endpoints = pods.map(endpointOf);
  const ports = service.spec.ports.map((port) => portOf(port, pods[0]));
  writeSlice(store, service, endpoints, ports);
  writeEndpoints(store, service, endpoints, ports);
}

function endpointOf(pod: Pod): Endpoint {
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const serving = isReady(pod);
  const { namespace = '', name, uid } = pod.metadata;
  return {
    addresses: [pod.status.podIP!],
    conditions: { ready: serving && !terminating, serving, terminating },
    ...(pod.spec.nodeName !== undefined && { nodeName: pod.spec.nodeName }),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}

/** A target port may be the name of a container port. */
function portOf(port: Service['spec']['ports'][number], pod: Pod | undefined): EndpointPort {
  const { name = '', targetPort, protocol } = port;
  if (typeof targetPort === 'number') return { name, port: targetPort, protocol };
  const named = pod?.spec.containers
    .flatMap(({ ports = [] }) => ports)
    .find((one) => one.name === targetPort);
  return { name, port: named?.containerPort ?? port.port, protocol };
}

function writeSlice(store: Store, service: Service, endpoints: Endpoint[], ports: EndpointPort[]): void {
  const { name, namespace = '' } = service.metadata;
  const slice = store.list('endpointslices', namespace).find((one) => isControlledBy(one, service));
  if (slice) {
    store.mutate('endpointslices', slice, (draft) => {
      Object.assign(draft, { endpoints, ports } satisfies Partial<EndpointSlice>);
    });
    return;
  }
  store.create('endpointslices', {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${name}-${randomSuffix()}`,
      generateName: `${name}-`,
      namespace,
      labels: { [SERVICE_LABEL]: name, [MANAGER_LABEL]: 'endpointslice-controller.k8s.io' },
      ownerReferences: [controllerReference(service)],
    },
    addressType: 'IPv4',
    endpoints,
    ports,
  });
}

function writeEndpoints(
  store: Store,
  service: Service,
  endpoints: Endpoint[],
  slicePorts: EndpointPort[],
): void {
  const { name, namespace = '' } = service.metadata;
  const addresses = (ready: boolean): { ip: string }[] =>
    endpoints
      .filter(({ conditions }) => conditions.ready === ready)
      .map(({ addresses: [ip], nodeName, targetRef }) => ({
        ip: ip!,
        ...(nodeName !== undefined && { nodeName }),
        ...(targetRef && { targetRef }),
      }));
  const ports = slicePorts.map(({ name: portName, port, protocol }) => ({
    ...(portName !== '' && { name: portName }),
    port,
    protocol,
  }));
  const [ready, notReady] = [addresses(true), addresses(false)];
  const subset = {
    ...(ready.length > 0 && { addresses: ready }),
    ...(notReady.length > 0 && { notReadyAddresses: notReady }),
    ports,
  };
  const subsets: Endpoints['subsets'] = endpoints.length === 0 ? [] : [subset];
  const existing = store.get('endpoints', namespace, name);
  if (existing) {
    store.mutate('endpoints', existing, (draft) => {
      draft.subsets = subsets;
    });
    return;
  }
  const metadata = { name, namespace, ownerReferences: [controllerReference(service)] };
  store.create('endpoints', { apiVersion: 'v1', kind: 'Endpoints', metadata, subsets });
}

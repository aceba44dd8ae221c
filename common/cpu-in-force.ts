import type { Fields } from './fields.js';

/** CPU that a container or a pod requests and may use at most, cores. */
export interface Cpu {
  /** Undefined where none is stated, and where it cannot be read. */
  readonly request: number | undefined;
  readonly isRequested: boolean;
  readonly limit: number | undefined;
}

/**
 * CPU resources in force. A spec says what is asked for, which a resize in place may change long before, or without, effect:
 * what the kubelet has applied is in `status.resources`, and what it has admitted in `status.allocatedResources`.
 *
 * @param spec of a container or a pod
 * @param status of the same; none before the kubelet has seen it
 */
export function cpuInForce(spec: Fields, status: Fields | undefined): Cpu {
  const [asked, applied] = [spec.fields('resources'), status?.fields('resources')];
  const isApplied = applied && (hasCpu(applied.fields('requests')) || hasCpu(applied.fields('limits')));
  const requests = requestsInForce(spec, status, 'cpu');
  return {
    request: requests?.quantity('cpu'),
    isRequested: requests !== undefined,
    limit: (isApplied ? applied : asked).fields('limits').quantity('cpu'),
  };
}

/** Memory that a container requests, bytes, as `cpuInForce`; undefined where none is stated. */
export function memoryInForce(spec: Fields, status: Fields | undefined): number | undefined {
  return requestsInForce(spec, status, 'memory')?.quantity('memory');
}

/** Memory that a pod requests as a whole, bytes, as `podCpuInForce`. */
export function podMemoryInForce(pod: Fields): number | undefined {
  const spec = pod.fields('spec');
  const isRequested = states(spec.fields('resources').fields('requests'), 'memory');
  return memoryInForce(spec, isRequested ? pod.fields('status') : undefined);
}

function requestsInForce(
  spec: Fields,
  status: Fields | undefined,
  resource: 'cpu' | 'memory',
): Fields | undefined {
  const sources = [
    status?.fields('resources').fields('requests'),
    status?.fields('allocatedResources'),
    spec.fields('resources').fields('requests'),
  ];
  return sources.find((source) => source && states(source, resource));
}

/** What a pod requests as a whole; its status adds up its containers where it requests nothing as a whole. */
export function podCpuInForce(pod: Fields): Cpu {
  const spec = pod.fields('spec');
  const isRequested = hasCpu(spec.fields('resources').fields('requests'));
  return cpuInForce(spec, isRequested ? pod.fields('status') : undefined);
}

/** Containers that run beside each other: an init container with restartPolicy Always is a sidecar. */
export function containersBeside(pod: Fields): Fields[] {
  const spec = pod.fields('spec');
  const sidecars = spec.list('initContainers').filter((one) => one.string('restartPolicy') === 'Always');
  return [...spec.list('containers'), ...sidecars];
}

/** Statuses of a pod's containers, of every kind, by name. */
export function containerStatuses(pod: Fields): ReadonlyMap<string, Fields> {
  const lists = STATUSES.flatMap((name) => pod.fields('status').list(name));
  return new Map(lists.map((status) => [status.string('name') ?? '', status]));
}

const STATUSES = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'];

function hasCpu(amounts: Fields): boolean {
  return states(amounts, 'cpu');
}

function states(amounts: Fields, resource: 'cpu' | 'memory'): boolean {
  return amounts.value(resource) !== undefined;
}

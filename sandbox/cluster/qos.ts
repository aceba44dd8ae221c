import type { Container, PodSpec, QosClass } from './objects/pod.js';
import { parseQuantity } from '../../common/quantity.js';

/**
 * The pod's quality of service class: Guaranteed when every container has CPU and memory limits equal to its
 * requests, BestEffort when none has either, else Burstable (kubernetes.io, "Pod Quality of Service Classes").
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

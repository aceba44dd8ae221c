import { milli } from './int.js';
import type { Pod } from './types.js';

export interface RequestFault {
  readonly fault: 'missingRequest' | 'containerNotFound';
  /** A clause for people. */
  readonly text: string;
}

/**
 * The CPU request of every pod in thousandths of a core. One that is not known makes a percentage of all meaningless.
 *
 * Source: calculatePodRequests, kubernetes/pkg/controller/podautoscaler.
 *
 * @param container only this one's; all of a pod's when undefined
 */
export function requestsByPod(
  pods: readonly Pod[],
  container?: string,
): ReadonlyMap<string, bigint> | RequestFault {
  const requests = new Map<string, bigint>();
  for (const pod of pods) {
    const request = requestOf(pod, container);
    if (typeof request === 'object') return request;
    requests.set(pod.name, request);
  }
  return requests;
}

function requestOf({ name: pod, request, containers }: Pod, container?: string): bigint | RequestFault {
  if (container === undefined && request !== undefined) return milli(request);
  const named = containers.filter(({ name }) => container === undefined || name === container);
  if (container !== undefined && named.length === 0) {
    return { fault: 'containerNotFound', text: `pod ${pod} has no container ${container}` };
  }
  let sum = 0n;
  for (const { name, request: amount } of named) {
    if (amount === undefined) {
      return { fault: 'missingRequest', text: `container ${name} of pod ${pod} requests no CPU` };
    }
    sum += milli(amount);
  }
  return sum;
}

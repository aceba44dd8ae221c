import { ofContainer, requestSignal } from '../core/targets.js';
import type { Target } from '../core/types.js';
import { containerCpu, containerRequest, memoryRequest, memoryUsed } from '../promql/signals.js';
import type { RawTarget } from './schema.js';

/** Signals of a pod's resources: a target on one may be a percentage of the request, and of one container. */
export const RESOURCES: readonly string[] = ['cpu', 'memory'];

/** What a target on a resource is about; undefined on another signal. */
export function subjectOf({
  signal = 'cpu',
  container,
  expr,
}: RawTarget): Pick<Target, 'signal' | 'resource' | 'container'> {
  if (expr !== undefined || !RESOURCES.includes(signal)) return { signal };
  return {
    signal: container === undefined ? signal : ofContainer(signal, container),
    ...(signal === 'memory' && { resource: 'memory' }),
    ...(container !== undefined && { container }),
  };
}

/** Built-in signals that only a target on memory or on a container needs: what is used, and the request. */
export function resourceSignals(target: Target, window: string): Record<string, string> {
  const { signal, resource, container } = target;
  if (resource === undefined && container === undefined) return {};
  const isMemory = resource === 'memory';
  const used = isMemory || container === undefined ? memoryUsed(container) : containerCpu(container, window);
  const request =
    isMemory || container === undefined ? memoryRequest(container) : containerRequest(container);
  return { [signal]: used, ...('averageUtilization' in target && { [requestSignal(target)]: request }) };
}

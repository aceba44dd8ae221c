import { isAbsent } from './reading.js';
import type { Absent, Behavior, Reading, SizingTrace, Target } from './types.js';

/** HPA's tolerance where `behavior` is omitted. */
export const DEFAULT_TOLERANCE = 0.1;

/** Replica counts are int32 in Kubernetes. */
const MAX_REPLICAS = 2_147_483_647;

/**
 * Demand of the whole workload against what its current replicas should carry.
 *
 * With `averageUtilization` the percentage is truncated to a whole number and computed from thousandths, as HPA
 * does, so that both agree on every input.
 *
 * Source: GetResourceUtilizationRatio, kubernetes/pkg/controller/podautoscaler/metrics.
 *
 * @param request CPU request of one pod, see `usableRequest`
 * @param replicas at least 1
 */
export function demandRatio(
  target: Target,
  demand: Reading,
  request: Reading,
  replicas: number,
): SizingTrace | Absent {
  if (isAbsent(demand)) return demand;
  if ('averageValue' in target) {
    const ratio = milli(demand.value) / (milli(target.averageValue) * replicas);
    return { signal: target.signal, demand: demand.value, targetPerPod: target.averageValue, ratio };
  }
  if (isAbsent(request)) return { ...request, text: `the CPU request of its pods: ${request.text}` };
  const requested = milli(request.value * replicas);
  if (requested === 0) {
    const text =
      'its pods request no CPU, so a percentage of it says nothing: set a request, or averageValue';
    return { absent: 'missing', text };
  }
  const percent = Math.trunc((100 * milli(demand.value)) / requested);
  return {
    signal: target.signal,
    demand: demand.value,
    targetPerPod: (request.value * target.averageUtilization) / 100,
    ratio: percent / target.averageUtilization,
  };
}

/** A CPU request that a percentage can be taken of. */
export function usableRequest(request: Reading): Reading {
  if (isAbsent(request) || milli(request.value) > 0) return request;
  return { absent: 'missing', text: 'its pods request no CPU; set a request, or a target of averageValue' };
}

/** The replicas that demand calls for, before any tolerance or limit. */
export function replicasFor(target: Target, sizing: SizingTrace, replicas: number): number {
  const wanted =
    'averageValue' in target
      ? Math.ceil(milli(sizing.demand) / milli(target.averageValue))
      : Math.ceil(sizing.ratio * replicas);
  return Math.min(wanted, MAX_REPLICAS);
}

/** Whether the ratio is too near to 1 to do anything; both ends belong to the tolerance. */
export function withinTolerance(ratio: number, behavior: Behavior | null): boolean {
  const up = behavior?.scaleUp.tolerance ?? DEFAULT_TOLERANCE;
  const down = behavior?.scaleDown.tolerance ?? DEFAULT_TOLERANCE;
  return 1 - down <= ratio && ratio <= 1 + up;
}

/** In thousandths, as Kubernetes counts: what floating-point sums leave behind the point does not tip a ceiling. */
function milli(value: number): number {
  return Math.round(value * 1000);
}

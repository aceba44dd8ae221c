import { withinTolerance, type Tolerance } from './tolerance.js';

export interface TotalSizing {
  /** What the load calls for, whatever the tolerance says; it may exceed an int32. */
  readonly raw: number;
  readonly replicas: number;
  readonly ratio: number;
  readonly kept?: 'tolerance';
}

/**
 * HPA v2's replicas for an amount that all pods share evenly, in thousandths.
 *
 * Source: GetExternalPerPodMetricReplicas, kubernetes/pkg/controller/podautoscaler.
 */
export function sizeByAverage(
  totalMilli: bigint,
  targetMilli: bigint,
  tolerance: Tolerance,
  current: number,
): TotalSizing {
  const ratio = Number(totalMilli) / (Number(targetMilli) * current);
  return settled(Number(totalMilli) / Number(targetMilli), ratio, tolerance, current);
}

/**
 * HPA v2's replicas for an amount that more pods bring down, such as a latency, in thousandths; undefined without a
 * pod that is ready.
 *
 * Source: GetExternalMetricReplicas, kubernetes/pkg/controller/podautoscaler.
 *
 * @param ready how many pods the amount was measured on
 */
export function sizeByValue(
  totalMilli: bigint,
  targetMilli: bigint,
  tolerance: Tolerance,
  current: number,
  ready: number | undefined,
): TotalSizing | undefined {
  const ratio = Number(totalMilli) / Number(targetMilli);
  if (current === 0) return { raw: Math.ceil(ratio), replicas: Math.ceil(ratio), ratio };
  if (ready === undefined && !withinTolerance(ratio, tolerance)) return undefined;
  return settled(ratio * (ready ?? current), ratio, tolerance, current);
}

function settled(pods: number, ratio: number, tolerance: Tolerance, current: number): TotalSizing {
  const raw = Math.ceil(pods);
  if (withinTolerance(ratio, tolerance)) return { raw, replicas: current, ratio, kept: 'tolerance' };
  return { raw, replicas: raw, ratio };
}

import { isAbsent } from '../../scaler/core/reading.js';
import { demandRatio, replicasFor, withinTolerance } from '../../scaler/core/size.js';
import { fillBehavior } from '../../scaler/rules/defaults.js';

const INT32_MIN = -2_147_483_648;

export interface ReplicasRow {
  readonly id: string;
  readonly kind: string;
  readonly scenario: string;
  readonly statusReplicas?: number;
  readonly target: { readonly averageValueMilli?: number | string };
  readonly tolerance: { readonly scaleUp: number; readonly scaleDown: number };
  readonly metricsApi: string;
  readonly seriesMilli?: number | string | readonly (number | string)[];
  readonly expect: { readonly desiredReplicas?: number };
}

/**
 * Whether a row asks what a rule asks: replicas for the demand of a whole workload and an amount per pod. The other
 * kinds sum up samples pod by pod and by readiness; a rule's signals are sums per workload before they are read.
 *
 * What wraps around or divides by zero in HPA is left out, as is a metrics API that fails.
 */
export function isReplayable({ kind, scenario, statusReplicas, expect }: ReplicasRow): boolean {
  if (kind !== 'externalAverageValue' && kind !== 'objectAverageValue') return false;
  if (expect.desiredReplicas === undefined || statusReplicas === 0) return false;
  return scenario !== 'overflow' && scenario !== 'negative';
}

/** Sizes as `decide` does; the difference to HPA, or undefined when there is none. */
export function replayReplicas(row: ReplicasRow): string | undefined {
  const { statusReplicas = 0, tolerance, expect } = row;
  const target = { signal: 'demand', averageValue: Number(row.target.averageValueMilli) / 1000 };
  const series = [row.seriesMilli ?? []].flat().map(Number);
  const demand = { value: series.reduce((sum, value) => sum + value, 0) / 1000, timestamp: 0 };
  const sizing = demandRatio(target, demand, demand, statusReplicas);
  if (isAbsent(sizing)) return sizing.text;
  const behavior = fillBehavior({
    scaleUp: { tolerance: tolerance.scaleUp },
    scaleDown: { tolerance: tolerance.scaleDown },
  });
  const replicas = withinTolerance(sizing.ratio, behavior)
    ? statusReplicas
    : replicasFor(target, sizing, statusReplicas);
  if (replicas === expect.desiredReplicas) return undefined;
  return `sized to ${replicas}, HPA to ${expect.desiredReplicas}${excuse(row, series)}`;
}

/** Where HPA's own arithmetic goes wrong. */
function excuse({ expect }: ReplicasRow, series: readonly number[]): string {
  if (expect.desiredReplicas === INT32_MIN) return ': its count overflows, ours stops at the largest int32';
  if (series.some((value) => value < 0)) return ': it takes a negative running sum for an overflow';
  return '';
}

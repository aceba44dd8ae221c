import { calculatePodRequests, groupPods } from '../../scaler/core/group-pods.js';
import { toInt32, toInt64 } from '../../scaler/core/int.js';
import {
  getExternalMetricReplicas,
  getExternalPerPodMetricReplicas,
  getResourceReplicas,
  loadOf,
  removeMetricsForPods,
  saturate,
  type PodLoads,
  type PodTarget,
  type Tolerance,
} from '../../scaler/core/replica-calculator.js';
import type { Pod } from '../../scaler/core/types.js';

type Integer = number | string;

interface PodRow {
  readonly name: string;
  readonly phase: string;
  readonly ready?: string;
  readonly readySinceS?: number;
  readonly startedS?: number;
  readonly deleted?: boolean;
  readonly requestMilli?: Integer;
  readonly podLevelRequestMilli?: Integer;
  readonly metricMilli?: Integer;
  readonly metricAgeS?: number;
  readonly metricWindowS?: number;
  readonly containers?: readonly ContainerRow[];
}

interface ContainerRow {
  readonly name: string;
  readonly requestMilli?: Integer;
  readonly usageMilli?: Integer;
}

interface Outcome {
  readonly desiredReplicas?: number;
  readonly utilization?: number;
  readonly averageMilli?: Integer;
  readonly totalMilli?: Integer;
  readonly error?: string;
}

export interface ReplicasRow {
  readonly id: string;
  readonly kind: string;
  readonly resource?: string;
  readonly container?: string;
  readonly currentReplicas: number;
  readonly statusReplicas?: number;
  readonly target: {
    readonly averageUtilization?: number;
    readonly averageValueMilli?: Integer;
    readonly valueMilli?: Integer;
  };
  readonly tolerance: { readonly scaleUp: number; readonly scaleDown: number };
  readonly cpuInitializationPeriodS?: number;
  readonly initialReadinessDelayS?: number;
  readonly metricsApi: string;
  readonly seriesMilli?: Integer | readonly Integer[];
  readonly pods?: readonly PodRow[];
  readonly orphanMetrics?: readonly PodRow[];
  readonly expect: Outcome;
}

const INT64_MAX = 9_223_372_036_854_775_807n;

/** Sizes with the core's arithmetic. @returns the first difference from HPA, if any */
export function replayReplicas(row: ReplicasRow): string | undefined {
  const got = row.metricsApi === 'error' ? { error: 'metricsApiError' } : sizeRow(row);
  const { expect } = row;
  for (const field of ['error', 'desiredReplicas', 'utilization', 'averageMilli', 'totalMilli'] as const) {
    if (!(field in got) && field !== 'error') continue;
    if (expect[field] !== undefined && String(got[field]) === String(expect[field])) continue;
    if (got[field] === expect[field]) continue;
    return `${field} is ${String(got[field])}, HPA's is ${String(expect[field])}`;
  }
  return undefined;
}

function sizeRow(row: ReplicasRow): Outcome {
  const tolerance = { up: row.tolerance.scaleUp, down: row.tolerance.scaleDown };
  switch (row.kind) {
    case 'externalAverageValue':
    case 'objectAverageValue':
      return sizeAverage(row, tolerance);
    case 'externalValue':
    case 'objectValue':
      return sizeValue(row, tolerance);
    default:
      return sizePods(row, tolerance);
  }
}

/** HPA treats a negative sum over an external metric's series as an overflow, and stores the result in an int32. */
function sizeAverage(row: ReplicasRow, tolerance: Tolerance): Outcome {
  const external = row.kind === 'externalAverageValue';
  const series = seriesOf(row);
  if (series.length === 0) return { error: 'emptyMetricsList' };
  const sum = total(series);
  const counted = external && runsNegative(series) ? INT64_MAX : sum;
  const { statusReplicas = 0 } = row;
  const target = BigInt(row.target.averageValueMilli ?? 0);
  const { replicas } = getExternalPerPodMetricReplicas(counted, target, tolerance, statusReplicas);
  return {
    desiredReplicas: external ? saturate(replicas) : toInt32(replicas),
    averageMilli:
      counted === INT64_MAX ? String(counted) : toInt64Text(Math.ceil(Number(counted) / statusReplicas)),
  };
}

function sizeValue(row: ReplicasRow, tolerance: Tolerance): Outcome {
  const series = seriesOf(row);
  if (series.length === 0) return { error: 'emptyMetricsList' };
  const sum = total(series);
  const { pods = [], currentReplicas } = row;
  const ready = pods.filter(({ phase, ready }) => phase === 'Running' && ready === 'True').length;
  const target = BigInt(row.target.valueMilli ?? 0);
  const counted = pods.length === 0 ? undefined : ready;
  const sizing = getExternalMetricReplicas(sum, target, tolerance, currentReplicas, counted);
  if (!sizing) return { error: 'noPods' };
  return { desiredReplicas: saturate(sizing.replicas), totalMilli: String(sum) };
}

function sizePods(row: ReplicasRow, tolerance: Tolerance): Outcome {
  const rows = row.pods ?? [];
  const sampled = [...rows, ...(row.orphanMetrics ?? [])].filter(
    ({ metricAgeS }) => metricAgeS !== undefined,
  );
  if (row.metricsApi === 'empty' || sampled.length === 0) return { error: 'emptyMetricsList' };
  if (rows.length === 0) return { error: 'noPods' };
  const pods = rows.map(toPod);
  const usage = new Map<string, bigint>();
  for (const pod of sampled) {
    const amount = usageOf(pod, row.container);
    if (amount !== undefined) usage.set(pod.name, amount);
  }
  const samples = new Map(
    sampled
      .filter(({ name }) => usage.has(name))
      .map(({ name, metricAgeS = 0, metricWindowS = 0 }) => [
        name,
        { timestamp: -metricAgeS, window: metricWindowS },
      ]),
  );
  const groups = groupPods(pods, samples, {
    now: 0,
    isCpu: row.resource === 'cpu' && row.kind !== 'podsMetric',
    ...(row.cpuInitializationPeriodS !== undefined && { initializationPeriod: row.cpuInitializationPeriodS }),
    ...(row.initialReadinessDelayS !== undefined && { initialReadinessDelay: row.initialReadinessDelayS }),
  });
  const counted = removeMetricsForPods(usage, groups);
  if (counted.size === 0) return { error: 'noMetricsForTargetedPods' };
  const requests =
    row.kind === 'utilization' ? calculatePodRequests(pods, row.container) : new Map<string, bigint>();
  if ('fault' in requests) return { error: requests.fault };
  const loads = { usage: counted, requests };
  const sizing = getResourceReplicas(targetOf(row), tolerance, row.currentReplicas, groups, loads);
  if (!sizing) return { error: 'zeroTotalRequest' };
  return { desiredReplicas: sizing.replicas, ...measuredLoad(targetOf(row), loads) };
}

/** What HPA shows of the samples: percent of the requests, or thousandths per pod. */
function measuredLoad(target: PodTarget, { usage, requests }: PodLoads): Outcome {
  const { ratio } = loadOf(target, usage, requests)!;
  return 'averageMilli' in target
    ? { averageMilli: Math.round(ratio * Number(target.averageMilli)) }
    : { utilization: Math.round(ratio * target.averageUtilization) };
}

function targetOf({ target }: ReplicasRow): PodTarget {
  if (target.averageUtilization !== undefined) return { averageUtilization: target.averageUtilization };
  return { averageMilli: BigInt(target.averageValueMilli ?? 0) };
}

function toPod({ name, phase, ready, readySinceS, startedS, ...row }: PodRow): Pod {
  const {
    deleted = false,
    podLevelRequestMilli,
    containers = [{ name: 'app', ...request(row.requestMilli) }],
  } = row;
  return {
    name,
    phase,
    ...(ready !== undefined && { ready }),
    ...(readySinceS !== undefined && { readySince: -readySinceS }),
    ...(startedS !== undefined && { startedAt: -startedS }),
    deleted,
    ...(podLevelRequestMilli !== undefined && { request: Number(podLevelRequestMilli) / 1000 }),
    containers: containers.map((container) => ({
      name: container.name,
      ...(container.requestMilli !== undefined && { request: Number(container.requestMilli) / 1000 }),
    })),
  };
}

function request(requestMilli: Integer | undefined): Pick<ContainerRow, 'requestMilli'> {
  return requestMilli === undefined ? {} : { requestMilli };
}

/** Sum over the containers; undefined if one of them has no sample. */
function usageOf({ metricMilli, containers }: PodRow, container: string | undefined): bigint | undefined {
  if (!containers) return metricMilli === undefined ? undefined : BigInt(metricMilli);
  const named = containers.filter(({ name }) => container === undefined || name === container);
  const amounts = named.flatMap(({ usageMilli }) => (usageMilli === undefined ? [] : [BigInt(usageMilli)]));
  return amounts.length === 0 || amounts.length < named.length ? undefined : total(amounts);
}

function seriesOf({ seriesMilli, metricsApi }: ReplicasRow): bigint[] {
  return metricsApi === 'empty' ? [] : [seriesMilli ?? []].flat().map((value) => BigInt(value));
}

function total(values: readonly bigint[]): bigint {
  return values.reduce((sum, value) => toInt64(sum + value), 0n);
}

function runsNegative(series: readonly bigint[]): boolean {
  let sum = 0n;
  return series.some((value) => (sum = toInt64(sum + value)) < 0n);
}

/** Converts a float to int64 as Go does on amd64: a value out of range becomes the smallest int64. */
function toInt64Text(value: number): string {
  const fits = value > -(2 ** 63) && value < 2 ** 63;
  return fits ? String(BigInt(value)) : String(-(2n ** 63n));
}

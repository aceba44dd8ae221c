import type { PodGroups } from './group-pods.js';
import { INT32_MAX, toInt32, toInt64, wrapToInt32 } from './int.js';
import type { Behavior } from './types.js';

/** HPA's tolerance where `behavior` is omitted. */
export const DEFAULT_TOLERANCE = 0.1;

/** Fractions by which the ratio may leave 1 before replicas change. */
export interface Tolerance {
  readonly up: number;
  readonly down: number;
}

export function toleranceOf(behavior: Behavior | null): Tolerance {
  return {
    up: behavior?.scaleUp.tolerance ?? DEFAULT_TOLERANCE,
    down: behavior?.scaleDown.tolerance ?? DEFAULT_TOLERANCE,
  };
}

/** True if the ratio is too close to 1 to change replicas; both ends belong to the tolerance. */
export function withinTolerance(ratio: number, { up, down }: Tolerance): boolean {
  return 1 - down <= ratio && ratio <= 1 + up;
}

/** Limits replicas to the most that Kubernetes can count: an overflow must never read as few. */
export function saturate(replicas: number): number {
  return Math.min(replicas, INT32_MAX);
}

/**
 * Limits replicas to what goes along with the ratio. HPA multiplies the ratio by the number of ready pods: above the target
 * it would remove replicas while few of their pods are ready, and below it would add some while a roll-out has more pods
 * than replicas.
 */
export function along(replicas: number, ratio: number, current: number): number {
  return ratio < 1 ? Math.min(replicas, current) : Math.max(replicas, current);
}

/** Load that one pod should carry: percent of its request, or thousandths of the signal's unit. */
export type PodTarget = { readonly averageUtilization: number } | { readonly averageMilli: bigint };

export interface PodLoads {
  /** Thousandths of the signal's unit by pod, see `removeMetricsForPods`; may include pods that are gone. */
  readonly usage: ReadonlyMap<string, bigint>;
  /** Thousandths by pod, for a target of `averageUtilization`. */
  readonly requests: ReadonlyMap<string, bigint>;
}

export interface PodSizing {
  /** Replicas that the load calls for, before the tolerance and the check of pods without a sample. */
  readonly raw: number;
  readonly replicas: number;
  /** Includes what is filled in for pods whose sample is missing or left out. */
  readonly ratio: number;
  /** Pods that are filled in, and the thousandths that they are assumed to carry together. */
  readonly assumed?: { readonly pods: number; readonly milli: bigint };
  /** Reason why the replicas stay. */
  readonly kept?: 'tolerance' | 'unmeasuredPods';
  /** True if a number did not fit its type: the others are those that HPA continues with, and are meaningless. */
  readonly overflowed: boolean;
}

type Load = Pick<PodSizing, 'ratio' | 'overflowed'>;

/** The samples without those of pods that carry no load (yet). */
export function removeMetricsForPods(
  usage: ReadonlyMap<string, bigint>,
  { ignoredPods, unreadyPods }: PodGroups,
): ReadonlyMap<string, bigint> {
  const counted = new Map(usage);
  for (const name of [...ignoredPods, ...unreadyPods]) counted.delete(name);
  return counted;
}

/**
 * HPA v2's replicas for a target per pod, from at least one sample; undefined where the pods request nothing.
 *
 * Pods without a sample are assumed to carry what changes least: all of their request (or the target) when
 * scaling down, nothing when scaling up; unready ones nothing when scaling up. Where that reverses the direction,
 * replicas stay.
 *
 * Source: GetResourceReplicas and calcPlainMetricReplicas, kubernetes/pkg/controller/podautoscaler.
 */
export function getResourceReplicas(
  target: PodTarget,
  tolerance: Tolerance,
  current: number,
  groups: PodGroups,
  loads: PodLoads,
): PodSizing | undefined {
  const measured = loadOf(target, loads.usage, loads.requests);
  if (!measured) return undefined;
  const withUnready = groups.unreadyPods.length > 0 && measured.ratio > 1;
  if (groups.missingPods.length === 0 && !withUnready) {
    const kept = withinTolerance(measured.ratio, tolerance) ? 'tolerance' : undefined;
    return podSizing(measured, measured.ratio * groups.readyPodCount, current, kept);
  }
  const usage = fillIn(target, measured.ratio, groups, loads);
  const filled = { ...measured, ratio: loadOf(target, usage, loads.requests)?.ratio ?? 0 };
  const pods = filled.ratio * usage.size;
  const assumed = {
    pods: usage.size - loads.usage.size,
    milli: sum(usage.values()) - sum(loads.usage.values()),
  };
  const kept = keeps(measured.ratio, filled.ratio, tolerance, pods, current);
  return { ...podSizing(filled, pods, current, kept), ...(assumed.pods > 0 && { assumed }) };
}

function podSizing(load: Load, pods: number, current: number, kept: PodSizing['kept']): PodSizing {
  const wanted = Math.ceil(pods);
  const raw = toInt32(wanted);
  return {
    ...load,
    raw,
    replicas: kept ? current : raw,
    ...(kept ? { kept } : {}),
    overflowed: load.overflowed || raw !== wanted,
  };
}

function keeps(
  measured: number,
  filled: number,
  tolerance: Tolerance,
  pods: number,
  current: number,
): PodSizing['kept'] {
  const replicas = toInt32(Math.ceil(pods));
  if (withinTolerance(filled, tolerance)) return 'tolerance';
  const turned = (measured < 1 && filled > 1) || (measured > 1 && filled < 1);
  const against = (filled < 1 && replicas > current) || (filled > 1 && replicas < current);
  return turned || against ? 'unmeasuredPods' : undefined;
}

/** Ratio of the samples alone; undefined where their pods request nothing. */
export function loadOf(
  target: PodTarget,
  usage: ReadonlyMap<string, bigint>,
  requests: ReadonlyMap<string, bigint>,
): Load | undefined {
  if ('averageMilli' in target) {
    const averageMilli = sum(usage.values()) / BigInt(usage.size);
    const ratio = Number(averageMilli) / Number(target.averageMilli);
    return { ratio, overflowed: false };
  }
  // A sample without a request belongs to a pod that is gone.
  const known = [...usage].filter(([name]) => requests.has(name));
  const used = sum(known.map(([, amount]) => amount));
  const requested = sum(known.map(([name]) => requests.get(name)!));
  if (requested === 0n) return undefined;
  const percent = toInt64(used * 100n) / requested;
  const utilization = wrapToInt32(percent);
  return {
    ratio: utilization / target.averageUtilization,
    overflowed: BigInt(utilization) !== percent,
  };
}

function fillIn(
  target: PodTarget,
  ratio: number,
  { missingPods, unreadyPods }: PodGroups,
  { usage, requests }: PodLoads,
): ReadonlyMap<string, bigint> {
  const filled = new Map(usage);
  if (ratio > 1) {
    for (const name of [...missingPods, ...unreadyPods]) filled.set(name, 0n);
  } else if (ratio < 1) {
    for (const name of missingPods) filled.set(name, assumed(target, requests.get(name) ?? 0n));
  }
  return filled;
}

function assumed(target: PodTarget, request: bigint): bigint {
  if ('averageMilli' in target) return target.averageMilli;
  return toInt64(request * BigInt(Math.max(100, target.averageUtilization))) / 100n;
}

function sum(values: Iterable<bigint>): bigint {
  let total = 0n;
  for (const value of values) total += value;
  return toInt64(total);
}

export interface TotalSizing {
  /** Replicas that the load calls for, before the tolerance; may exceed an int32. */
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
export function getExternalPerPodMetricReplicas(
  totalMilli: bigint,
  targetMilli: bigint,
  tolerance: Tolerance,
  current: number,
): TotalSizing {
  const ratio = Number(totalMilli) / (Number(targetMilli) * current);
  return totalSizing(Number(totalMilli) / Number(targetMilli), ratio, tolerance, current);
}

/**
 * HPA v2's replicas for an amount that more pods bring down, such as a latency, in thousandths; undefined without a
 * ready pod.
 *
 * Source: GetExternalMetricReplicas, kubernetes/pkg/controller/podautoscaler.
 *
 * @param ready number of pods that the amount is measured on
 */
export function getExternalMetricReplicas(
  totalMilli: bigint,
  targetMilli: bigint,
  tolerance: Tolerance,
  current: number,
  ready: number | undefined,
): TotalSizing | undefined {
  const ratio = Number(totalMilli) / Number(targetMilli);
  if (current === 0) return { raw: Math.ceil(ratio), replicas: Math.ceil(ratio), ratio };
  if (ready === undefined && !withinTolerance(ratio, tolerance)) return undefined;
  return totalSizing(ratio * (ready ?? current), ratio, tolerance, current);
}

function totalSizing(pods: number, ratio: number, tolerance: Tolerance, current: number): TotalSizing {
  const raw = Math.ceil(pods);
  if (withinTolerance(ratio, tolerance)) return { raw, replicas: current, ratio, kept: 'tolerance' };
  return { raw, replicas: raw, ratio };
}

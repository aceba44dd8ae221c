import { toInt32, toInt64, wrapToInt32 } from './int.js';
import type { PodClasses } from './pod-classes.js';
import { withinTolerance, type Tolerance } from './tolerance.js';

/** What each pod should carry: percent of its request, or thousandths of the signal's unit. */
export type PodTarget = { readonly averageUtilization: number } | { readonly averageMilli: bigint };

export interface PodLoads {
  /** Thousandths of the signal's unit by pod, see `countedUsage`; pods that are gone may still be among them. */
  readonly usage: ReadonlyMap<string, bigint>;
  /** Thousandths by pod, for a target of `averageUtilization`. */
  readonly requests: ReadonlyMap<string, bigint>;
}

export interface PodSizing {
  /** What the load calls for, whatever the tolerance and the pods without a sample say. */
  readonly raw: number;
  readonly replicas: number;
  /** With what was filled in for pods whose sample is missing or left out. */
  readonly ratio: number;
  /** Percent of the requests, of the samples alone. */
  readonly utilization?: number;
  /** Thousandths per pod, of the samples alone. */
  readonly averageMilli: bigint;
  /** Why the replicas stay what they are. */
  readonly kept?: 'tolerance' | 'unmeasuredPods';
  /** Whether a number did not fit: the others are those that HPA goes on with, and mean nothing. */
  readonly overflowed: boolean;
}

type Load = Pick<PodSizing, 'ratio' | 'utilization' | 'averageMilli' | 'overflowed'>;

/** The samples without those of pods that carry no load (yet). */
export function countedUsage(
  usage: ReadonlyMap<string, bigint>,
  { ignored, unready }: PodClasses,
): ReadonlyMap<string, bigint> {
  const counted = new Map(usage);
  for (const name of [...ignored, ...unready]) counted.delete(name);
  return counted;
}

/**
 * HPA v2's replicas for a target per pod, from at least one sample; undefined where the pods request nothing.
 *
 * Pods without a sample are taken to carry what would change least: all of their request (or the target) when
 * scaling down, nothing when scaling up; unready ones nothing when scaling up. Where that turns the direction around,
 * nothing is done.
 *
 * Source: GetResourceReplicas and calcPlainMetricReplicas, kubernetes/pkg/controller/podautoscaler.
 */
export function replicasByPods(
  target: PodTarget,
  tolerance: Tolerance,
  current: number,
  classes: PodClasses,
  loads: PodLoads,
): PodSizing | undefined {
  const measured = loadOf(target, loads.usage, loads.requests);
  if (!measured) return undefined;
  const withUnready = classes.unready.length > 0 && measured.ratio > 1;
  if (classes.missing.length === 0 && !withUnready) {
    const kept = withinTolerance(measured.ratio, tolerance) ? 'tolerance' : undefined;
    return settled(measured, measured.ratio * classes.ready.length, current, kept);
  }
  const usage = fillIn(target, measured.ratio, classes, loads);
  const filled = { ...measured, ratio: loadOf(target, usage, loads.requests)?.ratio ?? 0 };
  const pods = filled.ratio * usage.size;
  return settled(filled, pods, current, keeps(measured.ratio, filled.ratio, tolerance, pods, current));
}

function settled(load: Load, pods: number, current: number, kept: PodSizing['kept']): PodSizing {
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

function loadOf(
  target: PodTarget,
  usage: ReadonlyMap<string, bigint>,
  requests: ReadonlyMap<string, bigint>,
): Load | undefined {
  if ('averageMilli' in target) {
    const averageMilli = sum(usage.values()) / BigInt(usage.size);
    const ratio = Number(averageMilli) / Number(target.averageMilli);
    return { ratio, averageMilli, overflowed: false };
  }
  // A sample without a request is that of a pod that is gone.
  const known = [...usage].filter(([name]) => requests.has(name));
  const used = sum(known.map(([, amount]) => amount));
  const requested = sum(known.map(([name]) => requests.get(name)!));
  if (requested === 0n) return undefined;
  const percent = toInt64(used * 100n) / requested;
  const utilization = wrapToInt32(percent);
  return {
    ratio: utilization / target.averageUtilization,
    utilization,
    averageMilli: used / BigInt(known.length),
    overflowed: BigInt(utilization) !== percent,
  };
}

function fillIn(
  target: PodTarget,
  ratio: number,
  { missing, unready }: PodClasses,
  { usage, requests }: PodLoads,
): ReadonlyMap<string, bigint> {
  const filled = new Map(usage);
  if (ratio > 1) {
    for (const name of [...missing, ...unready]) filled.set(name, 0n);
  } else if (ratio < 1) {
    for (const name of missing) filled.set(name, assumed(target, requests.get(name) ?? 0n));
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

import { normalize, outOfRange } from '../../scaler/core/behavior.js';
import { calculatePodRequests, groupPods, type PodSampleTime } from '../../scaler/core/group-pods.js';
import { begin, recordScaling } from '../../scaler/core/history.js';
import {
  getResourceReplicas,
  removeMetricsForPods,
  toleranceOf,
  type PodSizing,
  type PodTarget,
} from '../../scaler/core/replica-calculator.js';
import type { History } from '../../scaler/core/round.js';
import type { Pod } from '../../scaler/core/types.js';
import { fillBehavior } from '../../scaler/rules/defaults.js';

/** HPA's sync period, seconds. */
export const SYNC = 15;
/** Percent of the CPU request that pods should use: what HPA takes if nothing is said. */
export const TARGET = 80;
/** HPA's defaults: up at once, by 4 pods or 100 % in 15 s; down after 300 s. */
export const BEHAVIOR = fillBehavior(undefined);
export const TOLERANCE = toleranceOf(BEHAVIOR);

export interface Range {
  readonly minReplicas: number;
  readonly maxReplicas: number;
}

export interface Sample extends PodSampleTime {
  readonly milli: bigint;
}

/** What HPA sees of a workload at a sync. */
export interface Scene {
  /** Seconds. */
  readonly now: number;
  /** `spec.replicas`. */
  readonly replicas: number;
  readonly pods: readonly Pod[];
  /** By pod. */
  readonly samples: ReadonlyMap<string, Sample>;
}

export interface Sized extends PodSizing {
  /** Pods that count: ready ones, and those whose use is assumed. */
  readonly counted: number;
}

/**
 * HPA v2's replicas for a target per pod, before its `behavior`; undefined where it finds no metrics to act on.
 *
 * @param isCpu true if the target is one of CPU
 */
export function size(
  { now, replicas, pods, samples }: Scene,
  target: PodTarget,
  isCpu: boolean,
): Sized | undefined {
  const groups = groupPods(pods, samples, { now, isCpu });
  const measured = new Map([...samples].map(([name, sample]) => [name, sample.milli]));
  const usage = removeMetricsForPods(measured, groups);
  const requests = calculatePodRequests(pods);
  if (usage.size === 0 || 'fault' in requests) return undefined;
  const sizing = getResourceReplicas(target, TOLERANCE, replicas, groups, { usage, requests });
  return sizing && { ...sizing, counted: groups.readyPodCount + (sizing.assumed?.pods ?? 0) };
}

/**
 * An HPA sync after the metrics: stabilization, rate limit, range, with HPA's default behavior.
 *
 * @param desired undefined without metrics: replicas stay
 */
export function sync(
  range: Range,
  { replicas: current, now }: Pick<Scene, 'replicas' | 'now'>,
  desired: number | undefined,
  state: History,
): { readonly replicas: number; readonly state: History } {
  const history = begin(state, current, now);
  const scaled = (replicas: number, after: History) => ({
    replicas,
    state: recordScaling(after, BEHAVIOR, current, replicas, now),
  });
  const inRange = outOfRange(range, current);
  if (inRange !== undefined) return scaled(inRange, history);
  if (desired === undefined) return { replicas: current, state: history };
  const normalized = normalize({ ...range, behavior: BEHAVIOR }, current, desired, history, now);
  return scaled(normalized.replicas, normalized.history);
}

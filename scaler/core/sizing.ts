import { own } from '../../common/own.js';
import { calculatePodRequests, groupPods, type PodGroups } from './group-pods.js';
import { idlePods } from './idle-pods.js';
import { fitsMilli, milli } from './int.js';
import { isAbsent } from './reading.js';
import {
  along,
  getExternalMetricReplicas,
  getExternalPerPodMetricReplicas,
  getResourceReplicas,
  removeMetricsForPods,
  saturate,
  toleranceOf,
  withinTolerance,
  type PodTarget,
  type TotalSizing,
} from './replica-calculator.js';
import type { SizingTrace } from './decision.js';
import type { Samples } from './round.js';
import type { Absent, Measured, PerPodTarget, Pod, Reading, Rule } from './types.js';

/** Signal by pod: share of its CPU demand that is not granted. */
const STARVED = 'starved';
/** Above this share a pod counts as starved. */
const STARVED_SHARE = 0.25;

const UNCOUNTABLE: Absent = { absent: 'nan', text: 'demand exceeds what Kubernetes can count' };

export interface Sizing {
  readonly trace: SizingTrace;
  /** Replicas that demand calls for, before any tolerance or limit. */
  readonly raw: number;
}

/**
 * Computes demand over target, and the replicas that this calls for: from the samples of each pod, exactly as HPA v2,
 * where the signal is measured by pod and the pods are known; else from the demand of the whole workload.
 *
 * @param samples of a workload with at least one replica
 * @param request CPU or memory request of one pod, where the pods are not known; see `usableRequest`
 */
export function size(
  rule: Rule,
  samples: Samples,
  demand: Reading,
  request: Reading,
  now: number,
): Sizing | Absent {
  if (isAbsent(demand)) return demand;
  if (!fitsMilli(demand.value)) return UNCOUNTABLE;
  const { target } = rule;
  if ('value' in target) return sizeToValue(rule, target.value, samples, demand);
  const byPod = measuredPods(rule, samples);
  if (byPod) {
    return sizeByPods({ ...rule, target }, samples, { ...byPod, timestamp: demand.timestamp }, now);
  }
  return 'averageValue' in target
    ? sizeToAverage(rule, target.averageValue, samples.replicas, demand)
    : sizeToRequest(rule, target.averageUtilization, samples.replicas, demand, request);
}

/** True where the samples of each pod are what counts, not their sum. */
export function isSizedByPods(rule: Pick<Rule, 'target'>, samples: Samples): boolean {
  return !('value' in rule.target) && measuredPods(rule, samples) !== undefined;
}

/** The pods and what each of them uses; undefined where either is not known. */
function measuredPods({ target }: Pick<Rule, 'target'>, { pods, podSignals = {} }: Samples) {
  const usage = own(podSignals, target.signal);
  return pods && usage && !isAbsent(usage) ? { pods, usage } : undefined;
}

/** The request of a pod where a percentage of it can be computed, or its absence. */
export function usableRequest(request: Reading, resource = 'CPU'): Reading {
  if (isAbsent(request)) return request;
  if (!fitsMilli(request.value)) return { absent: 'nan', text: `value is ${request.value}` };
  if (milli(request.value) > 0n) return request;
  return { absent: 'missing', text: `the pods request no ${resource}; set a request or use averageValue` };
}

function sizeToAverage(rule: Rule, targetPerPod: number, replicas: number, { value }: Measured): Sizing {
  const tolerance = toleranceOf(rule.behavior);
  const sizing = getExternalPerPodMetricReplicas(milli(value), milli(targetPerPod), tolerance, replicas);
  return sizingOf(rule, value, { targetPerPod }, sizing);
}

/**
 * Sizes as if every pod carried an equal part of the demand; as in HPA the percentage is truncated to an integer.
 *
 * Source: GetResourceUtilizationRatio, kubernetes/pkg/controller/podautoscaler/metrics.
 */
function sizeToRequest(
  rule: Rule,
  averageUtilization: number,
  replicas: number,
  { value }: Measured,
  request: Reading,
): Sizing | Absent {
  if (isAbsent(request)) return { ...request, text: `${resourceOf(rule.target)} request: ${request.text}` };
  const percent = Number((milli(value) * 100n) / milli(request.value * replicas));
  const ratio = percent / averageUtilization;
  const raw = Math.ceil(ratio * replicas);
  const kept = withinTolerance(ratio, toleranceOf(rule.behavior));
  const targetPerPod = (request.value * averageUtilization) / 100;
  return sizingOf(rule, value, { targetPerPod }, { raw, ratio, replicas: kept ? replicas : raw });
}

function sizeToValue(rule: Rule, targetValue: number, samples: Samples, demand: Measured): Sizing | Absent {
  const { pods, replicas } = samples;
  const ready = pods?.filter((pod) => pod.phase === 'Running' && pod.ready === 'True').length ?? replicas;
  const counted = pods?.length === 0 ? undefined : ready;
  const tolerance = toleranceOf(rule.behavior);
  const sizing = getExternalMetricReplicas(
    milli(demand.value),
    milli(targetValue),
    tolerance,
    replicas,
    counted,
  );
  if (!sizing) return { absent: 'missing', text: 'no pods yet' };
  return sizingOf(rule, demand.value, { targetValue }, sizeAlong(sizing, replicas));
}

function sizeAlong(
  { raw, ratio, replicas }: Pick<TotalSizing, 'raw' | 'ratio' | 'replicas'>,
  current: number,
) {
  return { raw: along(raw, ratio, current), ratio, replicas: along(replicas, ratio, current) };
}

/** The sizing of a workload as a whole. */
function sizingOf(
  { target: { signal } }: Rule,
  demand: number,
  target: Pick<SizingTrace, 'targetPerPod' | 'targetValue'>,
  { raw, ratio, replicas }: Pick<TotalSizing, 'raw' | 'ratio' | 'replicas'>,
): Sizing {
  return { raw: saturate(raw), trace: { signal, demand, ...target, ratio, replicas: saturate(replicas) } };
}

interface MeasuredPods {
  /** In the signal's unit, by pod name. */
  readonly usage: ReadonlyMap<string, number>;
  readonly timestamp: number;
  readonly pods: readonly Pod[];
}

/** Sizes by the samples of each pod; absent where they do not suffice. */
function sizeByPods(
  rule: Rule & { readonly target: PerPodTarget },
  samples: Samples,
  measured: MeasuredPods,
  now: number,
): Sizing | Absent {
  const { target } = rule;
  const { pods } = measured;
  const groups = groupsOf(target, samples, own(rule.windows, target.signal) ?? 0, measured, now);
  // HPA asks for the requests of pods that are going, too, and does nothing while one of them has none.
  const ignored = new Set(groups.ignoredPods);
  const staying = pods.filter(({ name }) => !ignored.has(name));
  const requests =
    'averageUtilization' in target
      ? calculatePodRequests(staying, target.container, target.resource)
      : new Map<string, bigint>();
  if ('fault' in requests) return unusable(requests.text);
  const usage = removeMetricsForPods(inMilli(measured.usage), groups);
  if (usage.size === 0) {
    const text = pods.length === 0 ? 'no pods yet' : `no pod of ${pods.length} is ready and measured yet`;
    return { absent: 'missing', text };
  }
  const tolerance = toleranceOf(rule.behavior);
  const loads = { usage, requests };
  const sizing = getResourceReplicas(milliTarget(target), tolerance, samples.replicas, groups, loads);
  if (!sizing) return unusable(`the pods request no ${resourceOf(target)}`);
  if (sizing.overflowed) return UNCOUNTABLE;
  const { kept, assumed } = sizing;
  const { raw, ratio, replicas } = sizeAlong(sizing, samples.replicas);
  const trace = {
    signal: target.signal,
    demand: total(usage),
    targetPerPod: targetPerPod(target, requests),
    ratio,
    replicas,
    pods: countsOf(groups),
    ...(assumed && { assumed: { pods: assumed.pods, amount: Number(assumed.milli) / 1000 } }),
    ...(kept === 'unmeasuredPods' && { kept }),
  };
  return { raw, trace };
}

/** Signals whose values by pod are absent though their sum is not: sizing falls back to the sum, but only upwards. */
export function absentPodSignals(
  { target }: Pick<Rule, 'target'>,
  { podSignals }: Samples,
): { readonly signal: string; readonly absence: Absent }[] {
  if (!podSignals || 'value' in target) return [];
  const needed = target.signal === 'cpu' ? [target.signal, STARVED] : [target.signal];
  return needed.flatMap((signal) => {
    const absence = own(podSignals, signal);
    return absence && isAbsent(absence) ? [{ signal: `${signal} by pod`, absence }] : [];
  });
}

function groupsOf(
  target: PerPodTarget,
  samples: Samples,
  window: number,
  { pods, usage, timestamp }: MeasuredPods,
  now: number,
): PodGroups {
  const sample = { timestamp, window };
  const shares = samples.podSignals?.[STARVED] ?? new Map<string, number>();
  const starved = isAbsent(shares) ? [] : [...shares].filter(([, share]) => share > STARVED_SHARE);
  return groupPods(pods, new Map([...usage.keys()].map((name) => [name, sample])), {
    now,
    isCpu: isOfCpu(target),
    starved: new Set(starved.map(([name]) => name)),
    idle: idlePods(samples, now),
  });
}

/** True for CPU used, of all containers or of one, and for what is a percentage of the CPU request. */
function isOfCpu(target: PerPodTarget): boolean {
  if (target.resource === 'memory') return false;
  return target.signal === 'cpu' || target.container !== undefined || 'averageUtilization' in target;
}

function resourceOf({ resource }: Rule['target']): string {
  return resource ?? 'CPU';
}

function unusable(text: string): Absent {
  return { absent: 'missing', text: `${text}; set a request or use averageValue` };
}

function milliTarget(target: PerPodTarget): PodTarget {
  if ('averageUtilization' in target) return { averageUtilization: target.averageUtilization };
  return { averageMilli: milli(target.averageValue) };
}

function targetPerPod(target: PerPodTarget, requests: ReadonlyMap<string, bigint>): number {
  if ('averageValue' in target) return target.averageValue;
  return ((total(requests) / requests.size) * target.averageUtilization) / 100;
}

function inMilli(usage: ReadonlyMap<string, number>): ReadonlyMap<string, bigint> {
  return new Map([...usage].map(([name, value]) => [name, milli(value)]));
}

function total(amounts: ReadonlyMap<string, bigint>): number {
  let sum = 0n;
  for (const amount of amounts.values()) sum += amount;
  return Number(sum) / 1000;
}

function countsOf(groups: PodGroups): NonNullable<SizingTrace['pods']> {
  return {
    counted: groups.readyPodCount,
    unready: groups.unreadyPods.length,
    missing: groups.missingPods.length,
    starved: groups.starvedPodCount,
  };
}

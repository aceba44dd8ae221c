import { INT32_MAX, milli } from './int.js';
import { isAbsent } from './reading.js';
import { sizeByPods } from './size-pods.js';
import { toleranceOf, withinTolerance } from './tolerance.js';
import { sizeByAverage, sizeByValue } from './total-arithmetic.js';
import type { Absent, Measured, Reading, Rule, SizingTrace, WorkloadSamples } from './types.js';

export interface Sizing {
  readonly trace: SizingTrace;
  /** What demand calls for, before any tolerance or limit. */
  readonly raw: number;
}

/**
 * Demand against target, and the replicas that this calls for: from the samples of each pod, exactly as HPA v2, where
 * the signal is measured by pod and the pods are known; else from the demand of the whole workload.
 *
 * @param samples of a workload with at least one replica
 * @param request CPU request of one pod, for want of the pods themselves; see `usableRequest`
 */
export function size(
  rule: Rule,
  samples: WorkloadSamples,
  demand: Reading,
  request: Reading,
  now: number,
): Sizing | Absent {
  if (isAbsent(demand)) return demand;
  const { target } = rule;
  if ('value' in target) return sizeToValue(rule, target.value, samples, demand);
  const usage = samples.podSignals?.[target.signal];
  const { pods } = samples;
  if (usage && !isAbsent(usage) && pods) {
    return sizeByPods({ ...rule, target }, samples, { usage, pods, timestamp: demand.timestamp }, now);
  }
  return 'averageValue' in target
    ? sizeToAverage(rule, target.averageValue, samples.replicas, demand)
    : sizeToRequest(rule, target.averageUtilization, samples.replicas, demand, request);
}

/** A CPU request that a percentage can be taken of. */
export function usableRequest(request: Reading): Reading {
  if (isAbsent(request) || milli(request.value) > 0n) return request;
  return { absent: 'missing', text: 'its pods request no CPU; set a request, or a target of averageValue' };
}

/** As many replicas as Kubernetes can count: an overflow must never read as few. */
export function saturate(replicas: number): number {
  return Math.min(replicas, INT32_MAX);
}

function sizeToAverage(rule: Rule, targetPerPod: number, replicas: number, { value }: Measured): Sizing {
  const tolerance = toleranceOf(rule.behavior);
  const sizing = sizeByAverage(milli(value), milli(targetPerPod), tolerance, replicas);
  const { raw, ratio } = sizing;
  return {
    raw: saturate(raw),
    trace: {
      signal: rule.target.signal,
      demand: value,
      targetPerPod,
      ratio,
      replicas: saturate(sizing.replicas),
    },
  };
}

/**
 * As if every pod carried an equal part of the demand, with the percentage cut off to a whole number as HPA does.
 *
 * Source: GetResourceUtilizationRatio, kubernetes/pkg/controller/podautoscaler/metrics.
 */
function sizeToRequest(
  { target, behavior }: Rule,
  averageUtilization: number,
  replicas: number,
  { value }: Measured,
  request: Reading,
): Sizing | Absent {
  if (isAbsent(request)) return { ...request, text: `the CPU request of its pods: ${request.text}` };
  const percent = Number((milli(value) * 100n) / milli(request.value * replicas));
  const ratio = percent / averageUtilization;
  const raw = Math.ceil(ratio * replicas);
  const kept = withinTolerance(ratio, toleranceOf(behavior));
  return {
    raw: saturate(raw),
    trace: {
      signal: target.signal,
      demand: value,
      targetPerPod: (request.value * averageUtilization) / 100,
      ratio,
      replicas: saturate(kept ? replicas : raw),
    },
  };
}

function sizeToValue(
  rule: Rule,
  targetValue: number,
  samples: WorkloadSamples,
  demand: Measured,
): Sizing | Absent {
  const { pods, replicas } = samples;
  const ready = pods?.filter((pod) => pod.phase === 'Running' && pod.ready === 'True').length ?? replicas;
  const counted = pods?.length === 0 ? undefined : ready;
  const tolerance = toleranceOf(rule.behavior);
  const sizing = sizeByValue(milli(demand.value), milli(targetValue), tolerance, replicas, counted);
  if (!sizing) return { absent: 'missing', text: 'it has no pods yet' };
  const { raw, ratio } = sizing;
  return {
    raw: saturate(raw),
    trace: {
      signal: rule.target.signal,
      demand: demand.value,
      targetValue,
      ratio,
      replicas: saturate(sizing.replicas),
    },
  };
}

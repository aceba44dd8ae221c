import { milli } from './int.js';
import { isAbsent } from './reading.js';
import { countedUsage, replicasByPods, type PodTarget } from './pod-arithmetic.js';
import { classifyPods, type PodClasses } from './pod-classes.js';
import { requestsByPod } from './pod-requests.js';
import type { Sizing } from './size.js';
import { toleranceOf } from './tolerance.js';
import type { Absent, PerPodTarget, Pod, Rule, SizingTrace, WorkloadSamples } from './types.js';

/** The signal that tells, by pod, which part of the CPU that it asks for is not granted. */
const STARVED = 'starved';
/** Above this part a pod counts as starved. */
const STARVED_SHARE = 0.25;

export interface MeasuredPods {
  /** In the signal's unit, by name of the pod. */
  readonly usage: ReadonlyMap<string, number>;
  readonly timestamp: number;
  readonly pods: readonly Pod[];
}

/** Sizes by the samples of each pod; absent where they do not tell enough. */
export function sizeByPods(
  rule: Rule & { readonly target: PerPodTarget },
  samples: WorkloadSamples,
  measured: MeasuredPods,
  now: number,
): Sizing | Absent {
  const { target } = rule;
  const { pods } = measured;
  const requests = 'averageUtilization' in target ? requestsByPod(pods) : new Map<string, bigint>();
  if ('fault' in requests) return unusable(requests.text);
  const classes = classify(target, samples, rule.windows[target.signal] ?? 0, measured, now);
  const usage = countedUsage(inMilli(measured.usage), classes);
  if (usage.size === 0) return { absent: 'missing', text: `none of its ${pods.length} pods counts yet` };
  const tolerance = toleranceOf(rule.behavior);
  const loads = { usage, requests };
  const sizing = replicasByPods(milliTarget(target), tolerance, samples.replicas, classes, loads);
  if (!sizing) return unusable('its pods request no CPU');
  if (sizing.overflowed) return { absent: 'nan', text: 'it is more than can be counted' };
  const { raw, ratio, kept } = sizing;
  // HPA multiplies by the ready pods, whatever it is scaling: while a roll-out has more of them than there are to be
  // replicas, a load below the target would scale up.
  const replicas = ratio < 1 ? Math.min(sizing.replicas, samples.replicas) : sizing.replicas;
  const trace = {
    signal: target.signal,
    demand: total(usage),
    targetPerPod: targetPerPod(target, requests),
    ratio,
    replicas,
    pods: countsOf(classes),
    ...(kept === 'unmeasuredPods' && { kept }),
  };
  return { raw, trace };
}

/** What was asked for by pod and not answered, though its sum was. Sizing makes do, so it must not scale down. */
export function unansweredByPod(
  { target }: Pick<Rule, 'target'>,
  { podSignals }: WorkloadSamples,
): { readonly signal: string; readonly absence: Absent }[] {
  if (!podSignals || 'value' in target) return [];
  const needed = target.signal === 'cpu' ? [target.signal, STARVED] : [target.signal];
  return needed.flatMap((signal) => {
    const absence = podSignals[signal];
    return absence && isAbsent(absence) ? [{ signal: `${signal} by pod`, absence }] : [];
  });
}

function classify(
  { signal, ...target }: PerPodTarget,
  { podSignals }: WorkloadSamples,
  window: number,
  { pods, usage, timestamp }: MeasuredPods,
  now: number,
): PodClasses {
  const sample = { timestamp, window };
  const shares = podSignals?.[STARVED] ?? new Map<string, number>();
  const starved = isAbsent(shares) ? [] : [...shares].filter(([, share]) => share > STARVED_SHARE);
  return classifyPods(pods, new Map([...usage.keys()].map((name) => [name, sample])), {
    now,
    isCpu: signal === 'cpu' || 'averageUtilization' in target,
    starved: new Set(starved.map(([name]) => name)),
  });
}

function unusable(text: string): Absent {
  return { absent: 'missing', text: `${text}; set a request, or a target of averageValue` };
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

function countsOf({ ready, unready, missing, starved }: PodClasses): NonNullable<SizingTrace['pods']> {
  return {
    counted: ready.length,
    unready: unready.length,
    missing: missing.length,
    starved: starved.length,
  };
}

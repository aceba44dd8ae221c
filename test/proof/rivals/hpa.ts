import { calculatePodRequests, groupPods } from '../../../scaler/core/group-pods.js';
import { milli } from '../../../scaler/core/int.js';
import {
  getResourceReplicas,
  removeMetricsForPods,
  type PodTarget,
} from '../../../scaler/core/replica-calculator.js';
import { EMPTY_HISTORY, type History } from '../../../scaler/core/types.js';
import { podMetrics } from './metrics-server.js';
import { prometheusRate, type View } from './view.js';
import { SYNC, sync, TOLERANCE, type Range, type Rival } from './rival.js';

/** Percent of the CPU request. */
const CPU_TARGET: PodTarget = { averageUtilization: 70 };
/**
 * Share of time in which a pod waits for CPU, in thousandths. Pods whose quota is their request show 0.28 to 0.42 at 70 %
 * of it, saturated ones more than 0.8; those without a quota show next to nothing at any load that they can bear.
 */
const PSI_TARGET: PodTarget = { averageMilli: 300n };

interface Sample {
  readonly timestamp: number;
  readonly window: number;
  readonly milli: bigint;
}

/** HPA v2 on CPU, at 70 % of the requests, from metrics-server. */
export function hpa(range: Range): Rival<History> {
  const desired = (view: View): number | undefined => {
    const samples = new Map<string, Sample>();
    for (const pod of view.pods) {
      const metrics = podMetrics(pod, view.now);
      if (metrics) samples.set(pod.pod.name, { ...metrics, milli: milli(metrics.cores) });
    }
    return size(view, CPU_TARGET, samples, true);
  };
  return rival(range, desired);
}

/** HPA v2 on the kubelet's PSI: the mean of the pods' `some` share of CPU pressure over a minute. */
export function hpaOnPsi(range: Range): Rival<History> {
  const desired = (view: View): number | undefined => {
    const samples = new Map<string, Sample>();
    for (const pod of view.pods) {
      const share = prometheusRate(pod, 'starved', view.now);
      if (share === undefined) continue;
      samples.set(pod.pod.name, { timestamp: view.now, window: 60, milli: milli(share) });
    }
    return size(view, PSI_TARGET, samples, false);
  };
  return rival(range, desired);
}

function rival(range: Range, desired: (view: View) => number | undefined): Rival<History> {
  return {
    interval: SYNC,
    start: EMPTY_HISTORY,
    decide: (view, state) => sync(range, view, desired(view), state),
  };
}

/** Undefined where HPA finds no metrics to act on. */
function size(
  view: View,
  target: PodTarget,
  samples: ReadonlyMap<string, Sample>,
  isCpu: boolean,
): number | undefined {
  const pods = view.pods.map(({ pod }) => pod);
  const groups = groupPods(pods, samples, { now: view.now, isCpu });
  const measured = new Map([...samples].map(([name, sample]) => [name, sample.milli]));
  const usage = removeMetricsForPods(measured, groups);
  const requests = calculatePodRequests(pods);
  if (usage.size === 0 || 'fault' in requests) return undefined;
  return getResourceReplicas(target, TOLERANCE, view.replicas, groups, { usage, requests })?.replicas;
}

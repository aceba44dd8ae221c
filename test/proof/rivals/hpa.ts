import { size, SYNC, sync, type Range, type Sample } from '../../../sandbox/hpa/hpa.js';
import { milli } from '../../../scaler/core/int.js';
import type { PodTarget } from '../../../scaler/core/replica-calculator.js';
import { EMPTY_HISTORY, type History } from '../../../scaler/core/round.js';
import type { Pod } from '../../../scaler/core/types.js';
import type { Rival } from './rival.js';
import type { PodView, View } from './view.js';

/** Percent of the CPU request. */
const CPU_TARGET: PodTarget = { averageUtilization: 70 };
/**
 * Share of time in which a pod waits for CPU, in thousandths. Pods whose quota is their request show 0.28 to 0.42 at 70 %
 * of it, saturated ones more than 0.8; those without a quota show next to nothing at any load that they can bear.
 */
const PSI_TARGET: PodTarget = { averageMilli: 300n };
/** Window of the rate of PSI, seconds. */
const PSI_WINDOW = 60;

/** HPA v2 on CPU, at 70 % of the requests, from metrics-server. */
export function hpa(range: Range): Rival<History> {
  return rival(range, CPU_TARGET, true, ({ usage }) => {
    if (!usage) return undefined;
    const { cores, timestamp, window } = usage;
    return { timestamp, window, milli: milli(cores) };
  });
}

/** HPA v2 on the kubelet's PSI: the mean of the pods' `some` share of CPU pressure over a minute. */
export function hpaOnPsi(range: Range): Rival<History> {
  return rival(range, PSI_TARGET, false, (pod, now) => {
    const load = pod.over(PSI_WINDOW);
    return load && { timestamp: now, window: PSI_WINDOW, milli: milli(load.starved) };
  });
}

function rival(
  range: Range,
  target: PodTarget,
  isCpu: boolean,
  sampleOf: (pod: PodView, now: number) => Sample | undefined,
): Rival<History> {
  const desired = (view: View): number | undefined => {
    const samples = new Map<string, Sample>();
    for (const pod of view.pods) {
      const sample = sampleOf(pod, view.now);
      if (sample) samples.set(pod.name, sample);
    }
    const pods = view.pods.map((pod) => toPod(pod, view.request));
    return size({ ...view, pods, samples }, target, isCpu)?.replicas;
  };
  return {
    interval: SYNC,
    start: EMPTY_HISTORY,
    decide: (view, state) => sync(range, view, desired(view), state),
  };
}

function toPod({ name, startedAt, ready, readySince }: PodView, request: number): Pod {
  return {
    name,
    phase: startedAt === undefined ? 'Pending' : 'Running',
    ready: ready ? 'True' : 'False',
    readySince,
    ...(startedAt !== undefined && { startedAt }),
    deleted: false,
    containers: [{ name: 'app', request }],
  };
}

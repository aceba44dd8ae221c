import { SYNC, sync, TOLERANCE, type Range } from '../../../sandbox/hpa/hpa.js';
import { milli } from '../../../scaler/core/int.js';
import { getExternalPerPodMetricReplicas } from '../../../scaler/core/replica-calculator.js';
import { EMPTY_HISTORY, type History } from '../../../scaler/core/round.js';
import type { Rival } from './rival.js';
import { sumOver } from './view.js';

/** Window of the rate, seconds. */
const WINDOW = 60;

/**
 * KEDA with a Prometheus trigger: requests per second per pod, over a minute, as a gateway counts them, through HPA's
 * external metric with an average value.
 *
 * @param perPod requests per second that a pod should carry: someone has measured what a pod can do
 */
export function requests(range: Range, perPod: number): Rival<History> {
  return {
    interval: SYNC,
    start: EMPTY_HISTORY,
    decide: (view, state) => {
      const rate = sumOver(view, 'requests', WINDOW);
      const desired =
        rate === undefined
          ? undefined
          : getExternalPerPodMetricReplicas(milli(rate), milli(perPod), TOLERANCE, view.replicas).replicas;
      return sync(range, view, desired, state);
    },
  };
}

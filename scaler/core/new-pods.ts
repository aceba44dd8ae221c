import { idlePods, STARTING } from './idle-pods.js';
import { isAbsent } from './reading.js';
import { elapsed } from './time.js';
import type { Samples } from './round.js';
import type { Pod } from './types.js';

/** Seconds beyond a window for which a pod is new: two scrapes. */
export const SETTLING = 15;

/**
 * Number of the measured pods that stay. Pods that are being deleted are measured until they end, and do not show what
 * their successors will carry.
 */
export function stayingPods(measured: number, { pods = [], podSignals = {} }: Samples): number {
  const going = pods.filter(({ name, deleted }) => deleted && isMeasured(name, podSignals));
  return measured - going.length;
}

function isMeasured(name: string, podSignals: NonNullable<Samples['podSignals']>): boolean {
  return Object.values(podSignals).some((values) => !isAbsent(values) && values.has(name));
}

/**
 * Number of pods that have started and become ready within a window: their rates over all of it are those of the part in
 * which they had work.
 *
 * @param window seconds; 0: the values are not rates
 */
export function newPods(samples: Samples, window: number, now: number): number {
  if (window === 0) return 0;
  const idle = idlePods(samples, now);
  const isNew = (pod: Pod): boolean => {
    const { startedAt = -Infinity, crashedAt, deleted } = pod;
    // One that was ready before, or crashes, would otherwise keep its workload from scaling down for ever.
    const isStarting = elapsed(startedAt, now) <= STARTING && crashedAt === undefined;
    return isStarting && !deleted && pod.ready === 'True' && !isReadyFor(pod, window + SETTLING, now);
  };
  return (samples.pods ?? []).filter((pod) => !idle.has(pod.name) && isNew(pod)).length;
}

export function isReadyFor({ ready, readySince = Infinity }: Pod, seconds: number, now: number): boolean {
  return ready === 'True' && elapsed(readySince, now) >= seconds;
}

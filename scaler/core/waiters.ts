import { assess } from './assess.js';
import type { Neighbourhood, WorkloadKey } from './types.js';
import { walk } from './walk.js';

/**
 * For every workload that somebody waits on, who that is: the workloads that are bound by a dependency this round
 * and share at least a tenth of their waiting to it, at any depth. To be called once a round; its answers are
 * `Samples.waitedOnBy`.
 */
export function findWaiters(
  neighbourhood: Neighbourhood,
  now: number,
): ReadonlyMap<WorkloadKey, readonly WorkloadKey[]> {
  const waiters = new Map<WorkloadKey, WorkloadKey[]>();
  for (const [key, { rule, samples, history }] of neighbourhood) {
    if (!rule) continue;
    const { step } = assess(rule, samples, history, now).classification;
    if (step?.action !== 'follow') continue;
    for (const peer of walk({ key, rule, samples }, neighbourhood, step.maxHops, now).waitedOn) {
      waiters.set(peer, [...(waiters.get(peer) ?? []), key]);
    }
  }
  return waiters;
}

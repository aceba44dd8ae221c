import type { Judgement } from '../judge.js';
import type { Sizing } from '../sizing.js';
import { keptStep, mayStep, NO_MEMORY, type SizingMemory } from './memory.js';

/** Part of the requests that a pod answers at most, that it should be asked for. */
const ROOM = 0.7;
const MOST = 2;

/**
 * One bounded step for a workload whose requests pile up behind a lock: a lock inside a process is a resource of each
 * pod, so more pods take fewer requests each. None while it is to be watched whether the last step has helped; a
 * lock that pods share outside answers no more for it.
 */
export function stepForLock(
  replicas: number,
  { settled, load, isComplete, targetPerPod }: Judgement,
  memory: SizingMemory = NO_MEMORY,
  now: number,
): { readonly sizing: Sizing; readonly memory: SizingMemory } {
  const { answered, used, pods } = settled;
  const perPod = pods > 0 ? answered / pods : 0;
  // Pods that no longer wait for the lock answer what arrives, which is less than they could.
  const most = Math.max(perPod, keptStep(memory, now)?.perPod ?? 0);
  const needed = most > 0 ? Math.ceil(load.recent / (ROOM * most)) : replicas;
  const isDue = needed > replicas && mayStep(memory, settled, isComplete, now);
  const stepped = isDue ? Math.min(MOST * replicas, needed) : replicas;
  const trace = {
    signal: 'cpu',
    demand: used,
    ...(targetPerPod !== undefined && { targetPerPod }),
    ratio: needed / replicas,
    replicas: stepped,
  };
  return {
    sizing: { raw: stepped, trace },
    memory: isDue ? { ...memory, step: { at: now, answered, used, perPod } } : memory,
  };
}

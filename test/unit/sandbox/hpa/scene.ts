import type { Scene } from '../../../../sandbox/hpa/hpa.js';

export const RANGE = { minReplicas: 1, maxReplicas: 10 };
/** Seconds since the epoch: long after the pods started. */
const NOW = 1_000_000;

/** Pods that request 0.2 cores; the first `ready` of them use `cpu` percent of that, the others have just started. */
export function scene(at: number, replicas: number, cpu: number, ready = replicas): Scene {
  const now = NOW + at;
  const pods = Array.from({ length: replicas }, (_, index) => {
    const since = index < ready ? NOW - 1000 : now - 5;
    const times = { startedAt: since, readySince: since };
    const containers = [{ name: 'app', request: 0.2 }];
    return { name: `pod-${index}`, phase: 'Running', ready: 'True', deleted: false, containers, ...times };
  });
  const sample = { timestamp: now, window: 15, milli: BigInt(2 * cpu) };
  return { now, replicas, pods, samples: new Map(pods.map(({ name }) => [name, sample])) };
}

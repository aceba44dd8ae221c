import { isAbsent } from './reading.js';
import { elapsed } from './time.js';
import type { History, Samples } from './round.js';
import type { Pod } from './types.js';

/**
 * Seconds for which a new pod may be about to start, and an unready one to recover: Cluster Autoscaler's
 * `--max-node-provision-time`.
 */
export const STARTING = 900;
/** Seconds within which a controller creates the pods that it may create. */
const CREATING = 60;
/** Seconds after a crash within which another one belongs to the same loop: kubelet's longest back-off, twice. */
const CRASH_LOOP = 600;

/**
 * Names of the pods that the Kubernetes API says do no work, and have done none for minutes: they are Pending, on a node
 * that is lost, or crash in a loop. What is not measured of them cannot be the busy part.
 */
export function idlePods({ pods = [], podSignals = {} }: Samples, now: number): ReadonlySet<string> {
  const isMeasured = (name: string): boolean =>
    Object.values(podSignals).some((values) => !isAbsent(values) && values.has(name));
  const idle = pods.filter(
    (pod) => !pod.deleted && isIdle(pod, now) && (pod.phase === 'Pending' || !isMeasured(pod.name)),
  );
  return new Set(idle.map(({ name }) => name));
}

function isIdle({ phase, ready, readySince, startedAt, createdAt, crashedAt }: Pod, now: number): boolean {
  const born = createdAt ?? startedAt ?? -Infinity;
  if (elapsed(born, now) <= STARTING) return false;
  if (phase === 'Pending') return true;
  if (crashedAt !== undefined && elapsed(crashedAt, now) < CRASH_LOOP) return true;
  return ready !== 'True' && readySince !== undefined && elapsed(readySince, now) > STARTING;
}

/**
 * Number of replicas that may carry load: the rest are idle pods, and pods that have not existed for a minute, because
 * a quota refuses them or their node is lost.
 */
export function replicasAtWork(
  samples: Samples,
  history: Pick<History, 'scaleUps' | 'fewerPodsSince'>,
  now: number,
): number {
  const { pods, replicas } = samples;
  if (!pods || pods.length === 0) return replicas;
  const newest = history.scaleUps.reduce(
    (latest, { at }) => Math.max(latest, at),
    history.fewerPodsSince ?? now,
  );
  const existing = existingPods(pods);
  const expected = elapsed(newest, now) < CREATING ? Math.max(existing, replicas) : existing;
  return Math.min(replicas, expected - idlePods(samples, now).size);
}

/**
 * True once some pods that may carry load have not been measured for so long that nothing is about to measure them: no
 * exporter sees them. They count at their whole request from then on, as in HPA, instead of holding the replicas.
 */
export function isUnseen({ unseenSince = Infinity }: Pick<History, 'unseenSince'>, now: number): boolean {
  return now - unseenSince > STARTING;
}

/** Time since which there have been fewer pods than replicas; undefined while there are enough. */
export function fewerPodsSince(
  { pods, replicas }: Samples,
  history: Pick<History, 'fewerPodsSince'>,
  now: number,
): number | undefined {
  if (!pods || existingPods(pods) >= replicas) return undefined;
  return history.fewerPodsSince ?? now;
}

function existingPods(pods: readonly Pod[]): number {
  return pods.filter(({ deleted }) => !deleted).length;
}

import { elapsed } from './time.js';
import type { Pod } from './types.js';

/** HPA's `--horizontal-pod-autoscaler-cpu-initialization-period`, seconds. */
const INITIALIZATION_PERIOD = 300;
/** HPA's `--horizontal-pod-autoscaler-initial-readiness-delay`, seconds. */
const INITIAL_READINESS_DELAY = 30;
/** The API server's times are whole seconds: a condition set as the pod started may be stamped one later. */
const TIMESTAMP_GRAIN = 1;

/** When a pod's sample was taken, and over how many seconds before that. */
export interface PodSampleTime {
  readonly timestamp: number;
  readonly window: number;
}

export interface Readiness {
  readonly now: number;
  /** Whether the signal is CPU: starting up costs CPU that says nothing about the load. */
  readonly isCpu: boolean;
  /** Pods that are starved of CPU by the kernel's account. */
  readonly starved?: ReadonlySet<string>;
  readonly initializationPeriod?: number;
  readonly initialReadinessDelay?: number;
}

/** Names of pods by what their sample is good for. */
export interface PodClasses {
  readonly ready: readonly string[];
  /** Their sample is left out: they carry no load yet. */
  readonly unready: readonly string[];
  /** They have no sample. */
  readonly missing: readonly string[];
  /** They count for nothing: failed, or being deleted. */
  readonly ignored: readonly string[];
  /** Those among `ready` that only count because they are starved. */
  readonly starved: readonly string[];
}

/**
 * Sorts pods as HPA does, but for this: a pod that was ready, and is not any more because it is starved of CPU,
 * counts. It fails its probe for want of replicas, so leaving out its demand would keep it that way.
 *
 * Source: groupPods, kubernetes/pkg/controller/podautoscaler.
 */
export function classifyPods(
  pods: readonly Pod[],
  samples: ReadonlyMap<string, PodSampleTime>,
  readiness: Readiness,
): PodClasses {
  const classes = { ready: [], unready: [], missing: [], ignored: [], starved: [] };
  const into: Record<keyof PodClasses, string[]> = classes;
  for (const pod of pods) {
    const found = classOf(pod, samples.get(pod.name), readiness);
    if (found === 'starved') into.ready.push(pod.name);
    into[found].push(pod.name);
  }
  return classes;
}

function classOf(pod: Pod, sample: PodSampleTime | undefined, readiness: Readiness): keyof PodClasses {
  if (pod.deleted || pod.phase === 'Failed') return 'ignored';
  if (pod.phase === 'Pending') return 'unready';
  if (!sample) return 'missing';
  if (!readiness.isCpu || isReady(pod, sample, readiness)) return 'ready';
  return readiness.starved?.has(pod.name) && wasReady(pod) ? 'starved' : 'unready';
}

function isReady(pod: Pod, sample: PodSampleTime, readiness: Readiness): boolean {
  const { ready, readySince = -Infinity, startedAt } = pod;
  const { now, initializationPeriod = INITIALIZATION_PERIOD } = readiness;
  const { initialReadinessDelay = INITIAL_READINESS_DELAY } = readiness;
  if (ready === undefined || startedAt === undefined) return false;
  if (elapsed(startedAt, now) < initializationPeriod) {
    return ready !== 'False' && elapsed(readySince + sample.window, sample.timestamp) >= 0;
  }
  return ready !== 'False' || elapsed(startedAt, readySince) >= initialReadinessDelay;
}

/** Not ready since later than its start: in between it was ready. */
function wasReady({ ready, readySince, startedAt }: Pod): boolean {
  if (ready !== 'False' || readySince === undefined || startedAt === undefined) return false;
  return elapsed(startedAt, readySince) > TIMESTAMP_GRAIN;
}

import { milli } from './int.js';
import { elapsed } from './time.js';
import type { Pod } from './types.js';

/** HPA's `--horizontal-pod-autoscaler-cpu-initialization-period`, seconds. */
const INITIALIZATION_PERIOD = 300;
/** HPA's `--horizontal-pod-autoscaler-initial-readiness-delay`, seconds. */
const INITIAL_READINESS_DELAY = 30;
/** The API server's times are whole seconds: a condition set as the pod started may be stamped one later. */
const TIMESTAMP_GRAIN = 1;

/** Time of a pod's sample, and the seconds before it that it covers. */
export interface PodSampleTime {
  readonly timestamp: number;
  readonly window: number;
}

export interface Readiness {
  readonly now: number;
  /** True if the signal is CPU: starting up costs CPU that says nothing about the load. */
  readonly isCpu: boolean;
  /** Pods that the kernel measures as starved of CPU. */
  readonly starved?: ReadonlySet<string>;
  /** Pods that cannot carry load, see `idlePods`: without a sample they are unready. */
  readonly idle?: ReadonlySet<string>;
  readonly initializationPeriod?: number;
  readonly initialReadinessDelay?: number;
}

/** Pods by the use of their sample, with Kubernetes' names. */
export interface PodGroups {
  readonly readyPodCount: number;
  /** Their samples are left out: they carry no load yet. */
  readonly unreadyPods: readonly string[];
  /** They have no sample. */
  readonly missingPods: readonly string[];
  /** They do not count: failed, or being deleted. */
  readonly ignoredPods: readonly string[];
  /** Pods among the ready ones that count only because they are starved. */
  readonly starvedPodCount: number;
}

type PodGroup = 'ready' | 'unready' | 'missing' | 'ignored' | 'starved';

/**
 * Groups pods as HPA does, with two exceptions. A pod that was ready, and no longer is because it is starved of CPU,
 * counts as ready: it fails its probe for lack of replicas, so leaving out its demand would keep it that way. A pod that
 * crashes in a loop or is on a lost node counts as unready, as one that never started: HPA assumes that it is busy.
 *
 * Source: groupPods, kubernetes/pkg/controller/podautoscaler.
 */
export function groupPods(
  pods: readonly Pod[],
  samples: ReadonlyMap<string, PodSampleTime>,
  readiness: Readiness,
): PodGroups {
  const groups: Record<PodGroup, string[]> = {
    ready: [],
    unready: [],
    missing: [],
    ignored: [],
    starved: [],
  };
  for (const pod of pods) groups[groupOf(pod, samples.get(pod.name), readiness)].push(pod.name);
  return {
    readyPodCount: groups.ready.length + groups.starved.length,
    unreadyPods: groups.unready,
    missingPods: groups.missing,
    ignoredPods: groups.ignored,
    starvedPodCount: groups.starved.length,
  };
}

function groupOf(pod: Pod, sample: PodSampleTime | undefined, readiness: Readiness): PodGroup {
  if (pod.deleted || pod.phase === 'Failed') return 'ignored';
  if (pod.phase === 'Pending') return 'unready';
  if (!sample) return readiness.idle?.has(pod.name) ? 'unready' : 'missing';
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

/** True if the pod became unready later than it started: it was ready in between. */
export function wasReady({ ready, readySince, startedAt }: Pod): boolean {
  if (ready !== 'False' || readySince === undefined || startedAt === undefined) return false;
  return elapsed(startedAt, readySince) > TIMESTAMP_GRAIN;
}

export interface RequestFault {
  readonly fault: 'missingRequest' | 'containerNotFound';
  /** A clause for people. */
  readonly text: string;
}

/**
 * Requests by pod in thousandths of a core, or of a byte. A single one that is not set makes a percentage of all meaningless. Pods
 * whose request cannot be read are left out: the utilization of the others stands for theirs.
 *
 * Source: calculatePodRequests, kubernetes/pkg/controller/podautoscaler.
 *
 * @param container restricts the sum to this container; undefined: all of a pod's
 */
export function calculatePodRequests(
  pods: readonly Pod[],
  container?: string,
  resource: 'cpu' | 'memory' = 'cpu',
): ReadonlyMap<string, bigint> | RequestFault {
  const requests = new Map<string, bigint>();
  for (const pod of pods) {
    if (pod.requestUnreadable && resource === 'cpu') continue;
    const request = requestOf(pod, container, resource);
    if (typeof request === 'object') return request;
    requests.set(pod.name, request);
  }
  if (requests.size === 0 && pods.length > 0) {
    return { fault: 'missingRequest', text: 'the CPU request of no pod can be read' };
  }
  return requests;
}

function requestOf(
  { name: pod, containers, ...whole }: Pod,
  container: string | undefined,
  resource: 'cpu' | 'memory',
): bigint | RequestFault {
  const field = resource === 'cpu' ? 'request' : 'memory';
  const request = whole[field];
  if (container === undefined && request !== undefined) return milli(request);
  const named = containers.filter(({ name }) => container === undefined || name === container);
  if (container !== undefined && named.length === 0) {
    return { fault: 'containerNotFound', text: `pod ${pod} has no container ${container}` };
  }
  let sum = 0n;
  for (const { name, [field]: amount } of named) {
    if (amount === undefined) {
      const what = resource === 'cpu' ? 'CPU' : 'memory';
      return { fault: 'missingRequest', text: `container ${name} of pod ${pod} requests no ${what}` };
    }
    sum += milli(amount);
  }
  return sum;
}

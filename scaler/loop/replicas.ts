import pLimit from 'p-limit';
import { untilAborted } from '../../common/deadline.js';
import { errorMessage, KernscaleError } from '../../common/errors.js';
import type { Writer } from '../core/other-writers.js';
import { workloadKey, type ScaleTargetRef, type WorkloadKey } from '../core/types.js';
import { BUILT_IN_KINDS, kindKey } from '../kubernetes/kinds.js';
import type { ClusterView } from '../kubernetes/cluster.js';
import type { ScaleClient } from '../kubernetes/scale.js';

/** Requests to the API server at once. */
const MAX_CONCURRENT_READS = 8;
/** Seconds for all of them: a kind whose requests hang must not hold up the others. */
const READ_SECONDS = 5;
const WATCHED_KINDS = new Set(BUILT_IN_KINDS.map(kindKey));

interface KnownReplicas {
  /** `spec.replicas`. */
  readonly replicas: number;
  /** UID of the workload's object. */
  readonly uid: string;
  /** Who wrote them last; undefined where it is not known. */
  readonly writer?: Writer;
}

export interface Replicas {
  readonly known: ReadonlyMap<WorkloadKey, KnownReplicas>;
  /** Targets whose replicas are not known, with the reason. */
  readonly unknown: ReadonlyMap<WorkloadKey, KernscaleError>;
}

/**
 * Reads the replicas of all watched workloads, and queries those of targets of other kinds.
 *
 * @param patience seconds after which those that are not in are unknown
 */
export async function readReplicas(
  cluster: Pick<ClusterView, 'workloads' | 'synced'>,
  scales: Pick<ScaleClient, 'get'>,
  targets: readonly ScaleTargetRef[],
  patience = READ_SECONDS,
): Promise<Replicas> {
  const known = new Map<WorkloadKey, KnownReplicas>();
  const unreadable = new Set<WorkloadKey>();
  for (const { ref, replicas, uid, writer } of cluster.workloads()) {
    if (replicas === undefined) unreadable.add(workloadKey(ref));
    else known.set(workloadKey(ref), { replicas, uid, ...(writer && { writer }) });
  }
  const unknown = new Map<WorkloadKey, KernscaleError>();
  const limit = pLimit(MAX_CONCURRENT_READS);
  const deadline = AbortSignal.timeout(patience * 1000);
  const read = async (target: ScaleTargetRef): Promise<void> => {
    const key = workloadKey(target);
    if (known.has(key)) return;
    if (WATCHED_KINDS.has(kindKey(target))) {
      if (unreadable.has(key)) unknown.set(key, notReadable(key));
      else unknown.set(key, cluster.synced ? notFound(key) : notYetKnown(key));
      return;
    }
    try {
      if (deadline.aborted) throw late(key, patience);
      known.set(key, await untilAborted(deadline, scales.get(target)));
    } catch (error) {
      unknown.set(key, reasonOf(error, deadline.aborted ? late(key, patience) : undefined));
    }
  };
  await Promise.all(targets.map((target) => limit(read, target)));
  return { known, unknown };
}

function reasonOf(error: unknown, late: KernscaleError | undefined): KernscaleError {
  if (error instanceof KernscaleError) return error;
  return late ?? new KernscaleError('INTERNAL', errorMessage(error));
}

function late(key: WorkloadKey, patience: number): KernscaleError {
  return new KernscaleError(
    'API_TIMEOUT',
    `the replicas of ${key} are not known: the Kubernetes API did not respond within ${patience} s`,
  );
}

/** True if the workload does not exist, rather than being unavailable now. */
export function isGone(error: KernscaleError | undefined): boolean {
  return error?.code === 'TARGET_NOT_FOUND' || error?.code === 'API_NOT_FOUND';
}

function notFound(key: WorkloadKey): KernscaleError {
  return new KernscaleError('TARGET_NOT_FOUND', `${key} does not exist`);
}

function notReadable(key: WorkloadKey): KernscaleError {
  return new KernscaleError('TARGET_UNREADABLE', `${key} has no number of replicas in spec.replicas`);
}

function notYetKnown(key: WorkloadKey): KernscaleError {
  return new KernscaleError(
    'TARGET_NOT_KNOWN_YET',
    `${key} is not known yet: the Kubernetes API has not responded so far`,
  );
}

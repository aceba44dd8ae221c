import { Fields } from '../../common/fields.js';
import type { ApiAccess } from '../../common/kubernetes-access.js';
import { openRequest, readText } from '../../common/kubernetes-request.js';
import { milli } from '../../scaler/core/int.js';
import { readPod, type KnownPod } from '../../scaler/kubernetes/objects.js';
import { podSignals } from '../../scaler/promql/signals.js';
import { instantVector, type VectorSample } from '../loop/observe.js';
import type { Scene } from './hpa.js';

/** What a sample of metrics-server covers, seconds. */
const WINDOW = 15;
const TIMEOUT_SECONDS = 2;

/** What HPAs of a namespace would read, at one moment. */
export interface Measured {
  /** Seconds since the epoch. */
  readonly now: number;
  readonly pods: readonly KnownPod[];
  /** CPU in cores by namespace and pod. */
  readonly usage: readonly VectorSample[];
}

/**
 * Reads the pods of a namespace, and the CPU that pods used in the last 15 s: from Prometheus, in place of metrics-server,
 * whose samples are up to 30 s older. Undefined while Prometheus or the cluster does not respond.
 */
export async function measure(
  config: ApiAccess,
  prometheus: string,
  namespace: string,
): Promise<Measured | undefined> {
  const [usage, pods] = await Promise.all([
    instantVector(prometheus, podSignals(`${WINDOW}s`).cpu),
    listPods(config, namespace).catch(() => undefined),
  ]);
  return usage && pods && { now: Date.now() / 1000, pods, usage };
}

async function listPods(config: ApiAccess, namespace: string): Promise<KnownPod[]> {
  const signal = AbortSignal.timeout(TIMEOUT_SECONDS * 1000);
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const response = await openRequest(config, { path, query: {}, signal, idleSeconds: TIMEOUT_SECONDS });
  return Fields.of(JSON.parse(await readText(response)))
    .list('items')
    .map(readPod);
}

/** What the HPA of one Deployment sees of it. */
export function sceneOf(
  { now, pods: all, usage }: Measured,
  namespace: string,
  workload: string,
  replicas: number,
): Scene {
  const pods = all.filter((pod) => pod.workload.name === workload).map(({ pod }) => pod);
  const names = new Set(pods.map(({ name }) => name));
  const own = usage.filter(
    ({ metric }) => metric['namespace'] === namespace && names.has(metric['pod'] ?? ''),
  );
  const samples = own.map(({ metric, value: [timestamp, cores] }) => {
    return [metric['pod']!, { timestamp, window: WINDOW, milli: milli(Number(cores)) }] as const;
  });
  return { now, replicas, pods, samples: new Map(samples) };
}

import { AppsV1Api, V1ScaleSpec, type KubeConfig } from '@kubernetes/client-node';
import { KernscaleError } from '../../common/errors.js';
import type { Range } from '../hpa/hpa.js';
import type { ObservedDecision } from './scenarios.js';

const TIMEOUT_MS = 2000;

export interface ObservedWorkload {
  readonly workload: string;
  readonly replicas: number;
  readonly readyReplicas: number;
  readonly decision: ObservedDecision | undefined;
  /** The rule's limits; undefined before the first decision. */
  readonly range: Range | undefined;
}

export interface Observed {
  readonly workloads: readonly ObservedWorkload[];
  readonly scalerResponds: boolean;
  /** What the scaler names: rule files with errors, Prometheus out of reach. */
  readonly problems: readonly string[];
}

/** The fields read here of what `GET /api/v1/decisions` returns. */
interface DecisionRecord {
  namespace: string;
  workload: string;
  class: string;
  action: string;
  reason: string;
  minReplicas: number;
  maxReplicas: number;
  trace?: { walk?: { path: string[] } };
}

/** Reads the Deployments of a namespace from the cluster and the last decision on each from the scaler. */
export async function observe(
  config: KubeConfig,
  scalerUrl: string,
  namespace: string,
  names: readonly string[],
): Promise<Observed> {
  const [deployments, body] = await Promise.all([
    config.makeApiClient(AppsV1Api).listNamespacedDeployment({ namespace }),
    fetchJson<{ status: { problems: string[] }; decisions: DecisionRecord[] }>(
      `${scalerUrl}/api/v1/decisions`,
    ),
  ]);
  const workloads = names.map((workload) => {
    const deployment = deployments.items.find((item) => item.metadata?.name === workload);
    const decision = body?.decisions.find(
      (record) => record.namespace === namespace && record.workload === workload,
    );
    return {
      workload,
      replicas: deployment?.spec?.replicas ?? 0,
      readyReplicas: deployment?.status?.readyReplicas ?? 0,
      decision: decision && observed(decision),
      range: decision && { minReplicas: decision.minReplicas, maxReplicas: decision.maxReplicas },
    };
  });
  return { workloads, scalerResponds: body !== undefined, problems: body?.status.problems ?? [] };
}

function observed({ action, reason, trace, ...record }: DecisionRecord): ObservedDecision {
  const path = (trace?.walk?.path ?? []).map((key) => key.split('/').at(-1)!);
  return { class: record.class, action, reason, path };
}

export interface StateShare {
  readonly workload: string;
  readonly state: string;
  /** Threads in this state, averaged over the last 10 s. */
  readonly threads: number;
}

export interface VectorSample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [timestamp: number, value: string];
}

/** Threads per state of each workload of a namespace; undefined while Prometheus does not respond. */
export async function threadStates(url: string, namespace: string): Promise<StateShare[] | undefined> {
  const query = `sum by (workload, state) (rate(kernscale_state_seconds_total{namespace="${namespace}"}[10s]))`;
  const vector = await instantVector(url, query);
  return vector?.map(({ metric, value }) => ({
    workload: metric['workload'] ?? '',
    state: metric['state'] ?? '',
    threads: Number(value[1]),
  }));
}

/** At a moment, seconds since the epoch: requests per second that were answered in time. */
export interface InTime {
  readonly at: number;
  readonly rate: number;
}

/** A request is answered in time within this many seconds: a bound of the exporter's buckets. */
export const IN_TIME = 0.25;

/**
 * Requests per second that were answered in time, by the workload that the load generators of a namespace ask.
 *
 * @throws KernscaleError `PROMETHEUS_DOWN` if Prometheus does not respond
 */
export async function inTime(
  url: string,
  namespace: string,
  from: number,
  step: number,
): Promise<ReadonlyMap<string, readonly InTime[]>> {
  const selector = `namespace="${namespace}",workload=~"loadgen-.*",le="${IN_TIME}"`;
  const query = `sum by (workload) (rate(kernscale_tcp_wait_seconds_bucket{${selector}}[6s]))`;
  const parameters = { query, start: String(from), end: String(Date.now() / 1000), step: String(step) };
  const body = await fetchJson<{ data?: { result: RangeSeries[] } }>(
    `${url}/api/v1/query_range?${new URLSearchParams(parameters).toString()}`,
  );
  if (!body?.data) throw new KernscaleError('PROMETHEUS_DOWN', `${url} does not answer a range query`);
  return new Map(
    body.data.result.map(({ metric, values }) => [
      metric['workload']!.replace(/^loadgen-/, ''),
      values.map(([at, rate]) => ({ at, rate: Number(rate) })),
    ]),
  );
}

interface RangeSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [timestamp: number, value: string])[];
}

/** Sets the replicas of a Deployment through its scale subresource. */
export async function setReplicas(
  config: KubeConfig,
  namespace: string,
  name: string,
  replicas: number,
): Promise<void> {
  const api = config.makeApiClient(AppsV1Api);
  const scale = await api.readNamespacedDeploymentScale({ name, namespace });
  scale.spec = Object.assign(new V1ScaleSpec(), { replicas });
  await api.replaceNamespacedDeploymentScale({ name, namespace, body: scale });
}

/** The response to a query now; undefined while Prometheus does not respond. */
export async function instantVector(url: string, query: string): Promise<VectorSample[] | undefined> {
  const body = await fetchJson<{ data?: { result: VectorSample[] } }>(
    `${url}/api/v1/query?${new URLSearchParams({ query }).toString()}`,
  );
  return body?.data?.result;
}

/** Undefined without a response: the view reports that and shows the rest. */
async function fetchJson<T>(url: string): Promise<T | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return (await response.json()) as T;
  } catch {
    return undefined;
  }
}

import { AppsV1Api, type KubeConfig } from '@kubernetes/client-node';
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
    fetchJson<{ decisions: DecisionRecord[] }>(`${scalerUrl}/api/v1/decisions`),
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
  return { workloads, scalerResponds: body !== undefined };
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

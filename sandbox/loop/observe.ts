import { AppsV1Api, type KubeConfig } from '@kubernetes/client-node';
import type { ObservedDecision } from './scenarios.js';

export interface ObservedWorkload {
  readonly workload: string;
  readonly replicas: number;
  readonly readyReplicas: number;
  readonly decision: ObservedDecision | undefined;
}

export interface Observed {
  readonly workloads: readonly ObservedWorkload[];
  /** Whether the scaler could be asked for its decisions. */
  readonly scalerAnswers: boolean;
}

/** What `GET /api/v1/decisions` answers, as far as it is looked at here. */
interface DecisionRecord {
  namespace: string;
  workload: string;
  class: string;
  action: string;
  reason: string;
  trace?: { walk?: { path: string[] } };
}

/** Reads the deployments of a namespace from the cluster and the last decision on each from the scaler. */
export async function observe(
  config: KubeConfig,
  scalerUrl: string,
  namespace: string,
  workloads: readonly string[],
): Promise<Observed> {
  const [deployments, decisions] = await Promise.all([
    config.makeApiClient(AppsV1Api).listNamespacedDeployment({ namespace }),
    fetchDecisions(scalerUrl),
  ]);
  const workloadsSeen = workloads.map((workload) => {
    const deployment = deployments.items.find((item) => item.metadata?.name === workload);
    const decision = decisions?.find(
      (record) => record.namespace === namespace && record.workload === workload,
    );
    return {
      workload,
      replicas: deployment?.spec?.replicas ?? 0,
      readyReplicas: deployment?.status?.readyReplicas ?? 0,
      decision: decision && observed(decision),
    };
  });
  return { workloads: workloadsSeen, scalerAnswers: decisions !== undefined };
}

async function fetchDecisions(scalerUrl: string): Promise<DecisionRecord[] | undefined> {
  try {
    const response = await fetch(`${scalerUrl}/api/v1/decisions`, { signal: AbortSignal.timeout(2000) });
    return ((await response.json()) as { decisions: DecisionRecord[] }).decisions;
  } catch {
    return undefined; // the view shows that there is no answer, and what the replicas are all the same
  }
}

function observed({ class: bound, action, reason, trace }: DecisionRecord): ObservedDecision {
  return { bound, action, reason, path: (trace?.walk?.path ?? []).map((key) => key.split('/').at(-1)!) };
}

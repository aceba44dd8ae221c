import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeConfig } from '@kubernetes/client-node';
import { KernscaleError } from '../../common/errors.js';
import { createLogger } from '../../common/log.js';
import { ClusterView } from '../kubernetes/cluster.js';
import { ScaleClient } from '../kubernetes/scale.js';
import { readReplicas } from '../loop/replicas.js';
import { matchesOf } from '../rules/matches.js';
import type { RuleGroup } from '../rules/types.js';
import type { Live } from './live.js';

/** Seconds within which the lists must be in, and where some have failed. */
const PATIENCE = 30;
const PATIENCE_WITH_PROBLEMS = 5;
const POLL_MS = 100;

/**
 * Reads what rules need to know of a cluster, once.
 *
 * @returns with one sentence for each thing that could not be read
 * @throws KernscaleError `API_TIMEOUT` if the lists are not in after 30 s, or fail for 5 s
 */
export async function readLive(
  config: KubeConfig,
  groups: readonly RuleGroup[],
): Promise<Live & { readonly problems: readonly string[] }> {
  const stop = new AbortController();
  const scales = new ScaleClient(config, stop.signal);
  const log = createLogger({ level: 'silent', format: 'logfmt' });
  const cluster = new ClusterView(config, log, (...kind) => scales.resourceName(...kind));
  try {
    cluster.match(matchesOf(groups));
    await listed(cluster);
    const targets = groups.flatMap(({ rules }) =>
      rules.flatMap((rule) => ('match' in rule ? [] : [rule.scaleTargetRef])),
    );
    const { unknown } = await readReplicas(cluster, scales, targets);
    return {
      workloads: cluster.workloads(),
      unknown: new Map([...unknown].map(([key, { message }]) => [key, message])),
      pods: cluster.pods(),
      autoscalers: cluster.autoscalers() ?? new Map(),
      problems: cluster.problems(),
    };
  } finally {
    cluster.stop();
    stop.abort();
  }
}

async function listed(cluster: ClusterView): Promise<void> {
  // A kind that the cluster does not have is a problem, and never in.
  const isListed = (): boolean => cluster.synced && (cluster.knowsWorkloads || cluster.problems().length > 0);
  for (let waited = 0; !isListed(); waited += POLL_MS) {
    const problems = cluster.problems();
    if (waited > (problems.length > 0 ? PATIENCE_WITH_PROBLEMS : PATIENCE) * 1000) {
      const why = problems.join(' ') || `the Kubernetes API has not listed everything within ${PATIENCE} s`;
      throw new KernscaleError('API_TIMEOUT', why);
    }
    await sleep(POLL_MS);
  }
}

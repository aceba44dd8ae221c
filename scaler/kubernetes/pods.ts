import type { V1Container, V1Pod } from '@kubernetes/client-node';
import { parseQuantity } from '../../common/quantity.js';
import { workloadOf } from '../../common/workload.js';
import { workloadKey, type Pod, type PodContainer, type WorkloadKey } from '../core/types.js';

/** The pods of every workload, as far as sizing needs them. */
export function podsByWorkload(pods: readonly V1Pod[]): ReadonlyMap<WorkloadKey, readonly Pod[]> {
  const byWorkload = new Map<WorkloadKey, Pod[]>();
  for (const pod of pods) {
    const key = workloadKey(workloadOf(pod));
    const known = byWorkload.get(key);
    if (known) known.push(toPod(pod));
    else byWorkload.set(key, [toPod(pod)]);
  }
  return byWorkload;
}

function toPod({ metadata, spec, status }: V1Pod): Pod {
  const condition = status?.conditions?.find(({ type }) => type === 'Ready');
  const readySince = seconds(condition?.lastTransitionTime);
  const startedAt = seconds(status?.startTime);
  const request = cpuRequest(spec);
  // An init container that is restarted always is a sidecar: it runs beside the others.
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  return {
    name: metadata?.name ?? '',
    phase: status?.phase ?? 'Unknown',
    ...(condition && { ready: condition.status }),
    ...(readySince !== undefined && { readySince }),
    ...(startedAt !== undefined && { startedAt }),
    deleted: metadata?.deletionTimestamp !== undefined,
    ...(request !== undefined && { request }),
    containers: [...(spec?.containers ?? []), ...sidecars].map(toContainer),
  };
}

function toContainer(container: V1Container): PodContainer {
  const request = cpuRequest(container);
  return { name: container.name, ...(request !== undefined && { request }) };
}

function cpuRequest(asks: Pick<V1Container, 'resources'> | undefined): number | undefined {
  const cpu = asks?.resources?.requests?.['cpu'];
  return cpu === undefined ? undefined : parseQuantity(cpu);
}

/** Watches hand times over as they are on the wire, client-node's model as dates. */
function seconds(time: Date | string | undefined): number | undefined {
  return time === undefined ? undefined : new Date(time).getTime() / 1000;
}

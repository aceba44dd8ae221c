import type { WorkloadId } from '../core/types.js';

/** The ways in which people name a workload. */
export function namesOf(workload: WorkloadId | undefined): string[] {
  if (!workload) return [];
  const { namespace, kind, name } = workload;
  return [`${namespace}/${kind}/${name}`, `${namespace}/${name}`, `${kind.toLowerCase()}/${name}`, name];
}

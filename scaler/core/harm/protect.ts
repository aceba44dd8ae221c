import { nameOf } from '../format.js';
import type { Callers } from '../demand/flow.js';
import type { WorkloadKey } from '../types.js';
import type { Profile } from './profile.js';

/**
 * Finds the workloads that the harm of others protects from scaling down: the direct callers of a harmed one, and all
 * that it reaches downwards.
 *
 * @returns reasons by workload, clauses
 */
export function protect(
  harmed: readonly WorkloadKey[],
  callers: Callers,
  subjects: ReadonlyMap<WorkloadKey, { readonly settled: Profile }>,
): ReadonlyMap<WorkloadKey, readonly string[]> {
  const reasons = new Map<WorkloadKey, string[]>();
  const add = (key: WorkloadKey, reason: string): void => {
    const known = reasons.get(key);
    if (known) known.push(reason);
    else reasons.set(key, [reason]);
  };
  for (const key of harmed) {
    for (const caller of callers.get(key) ?? []) add(caller.key, `${nameOf(key)}, which it calls, is harmed`);
  }
  const reached = new Set<WorkloadKey>();
  const visit = (from: WorkloadKey, harmedOne: WorkloadKey): void => {
    for (const { to } of subjects.get(from)?.settled.links ?? []) {
      if (to.type !== 'workload' || reached.has(to.workload)) continue;
      reached.add(to.workload);
      const how = from === harmedOne ? 'calls it' : 'depends on it';
      add(to.workload, `${nameOf(harmedOne)}, which ${how}, is harmed`);
      visit(to.workload, harmedOne);
    }
  };
  for (const key of harmed) visit(key, key);
  return reasons;
}

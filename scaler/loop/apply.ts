import { errorMessage, KernscaleError } from '../../common/errors.js';
import type { Decision, Rule } from '../core/types.js';
import type { ScaleClient } from '../kubernetes/scale.js';
import type { Outcome } from './records.js';

export interface Applied {
  readonly outcome: Outcome;
  readonly error?: { readonly code: string; readonly message: string };
}

/**
 * Writes a decision to the cluster unless it changes nothing, its rule is a dry run, or another process leads.
 *
 * The replicas are read once more just before: the decision counts only for the number that it was made from, and
 * the patch only for the version that was read. Whoever changes the workload meanwhile wins.
 */
export async function apply(
  scales: Pick<ScaleClient, 'get' | 'set'>,
  rule: Rule,
  { replicas, trace }: Decision,
  leads: boolean,
): Promise<Applied> {
  if (replicas === trace.currentReplicas) return { outcome: 'unchanged' };
  if (rule.dryRun) return { outcome: 'dry_run' };
  if (!leads) return { outcome: 'not_leader' };
  try {
    const found = await scales.get(rule.scaleTargetRef);
    if (found.replicas !== trace.currentReplicas) {
      const message = `somebody set ${found.replicas} replicas meanwhile`;
      return { outcome: 'conflict', error: { code: 'REPLICAS_CHANGED', message } };
    }
    await scales.set(rule.scaleTargetRef, replicas, found.resourceVersion);
    return { outcome: 'applied' };
  } catch (error) {
    const code = error instanceof KernscaleError ? error.code : 'INTERNAL';
    const outcome = code === 'API_CONFLICT' ? 'conflict' : 'failed';
    return { outcome, error: { code, message: errorMessage(error) } };
  }
}

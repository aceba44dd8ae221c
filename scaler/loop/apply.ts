import { errorMessage, KernscaleError } from '../../common/errors.js';
import { count } from '../core/format.js';
import type { Decision } from '../core/decision.js';
import type { Rule, ScaleTargetRef } from '../core/types.js';
import type { ScaleClient } from '../kubernetes/scale.js';
import type { ChangeBudget } from './change-budget.js';
import { toRecord, type Applied, type DecisionRecord } from './record.js';
import type { Decided, RoundSources } from './round.js';

export interface ApplySources extends Pick<RoundSources, 'histories' | 'records'> {
  readonly scales: Pick<ScaleClient, 'get' | 'set'>;
  /** Absent: any number of workloads may change. */
  readonly budget?: Pick<ChangeBudget, 'take'>;
}

/** Applies a decision and records its outcome; returns the record and the one that it replaces. */
export async function applyAndRecord(
  { assignment, decision, measured }: Decided,
  { scales, histories, records, budget }: ApplySources,
  leads: boolean,
): Promise<{ readonly record: DecisionRecord; readonly previous: DecisionRecord | undefined }> {
  const applied = await apply(scales, assignment.rule, decision, leads, budget);
  const done = applied.outcome === 'applied' || applied.outcome === 'unchanged';
  histories.set(assignment.key, assignment.rule, done ? decision.history : decision.historyIfNotApplied);
  const record = toRecord(assignment, decision, applied);
  return { record, previous: records.put(record, measured) };
}

/**
 * Writes a decision to the cluster unless it changes nothing, its rule is a shadow, another process leads, or the budget
 * of changes is spent.
 *
 * The replicas are read again just before: the decision is valid only for the number that it was made from, and
 * the patch only for the version that was read. A concurrent change of the workload wins.
 */
export async function apply(
  scales: Pick<ScaleClient, 'get' | 'set'>,
  rule: Rule,
  { replicas, trace }: Decision,
  leads: boolean,
  budget?: Pick<ChangeBudget, 'take'>,
): Promise<Applied> {
  if (replicas === trace.currentReplicas) return { outcome: 'unchanged' };
  if (rule.dryRun) return { outcome: 'dry_run' };
  if (!leads) return { outcome: 'not_leader' };
  const spent = budget?.take(rule.scaleTargetRef.namespace);
  if (spent !== undefined)
    return { outcome: 'over_budget', error: { code: 'CHANGE_BUDGET', message: spent } };
  try {
    const found = await scales.get(rule.scaleTargetRef);
    if (found.replicas !== trace.currentReplicas) {
      const message = `another client set ${count(found.replicas, 'replica')} concurrently`;
      return { outcome: 'conflict', error: { code: 'REPLICAS_CHANGED', message } };
    }
    await write(scales, rule.scaleTargetRef, replicas, found.resourceVersion);
    return { outcome: 'applied' };
  } catch (error) {
    const code = error instanceof KernscaleError ? error.code : 'INTERNAL';
    const outcome = code === 'API_CONFLICT' ? 'conflict' : 'failed';
    return { outcome, error: { code, message: errorMessage(error) } };
  }
}

const UNANSWERED = new Set(['API_TIMEOUT', 'API_UNREACHABLE']);

/** Sets the replicas. A write without a response may have been carried out: what is read then tells. */
async function write(
  scales: ApplySources['scales'],
  target: ScaleTargetRef,
  replicas: number,
  resourceVersion: string,
): Promise<void> {
  try {
    await scales.set(target, replicas, resourceVersion);
  } catch (error) {
    if (!(error instanceof KernscaleError) || !UNANSWERED.has(error.code)) throw error;
    const now = await scales.get(target).catch((unread: unknown) => {
      throw new KernscaleError(error.code, `${error.message}; whether it was done: ${errorMessage(unread)}`);
    });
    if (now.replicas !== replicas) throw error;
  }
}

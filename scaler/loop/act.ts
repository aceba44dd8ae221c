import type { Decision } from '../core/types.js';
import { apply } from './apply.js';
import type { Assignment } from './assignments.js';
import { toRecord } from './record.js';
import type { DecisionRecord } from './records.js';
import type { RoundSources } from './round.js';
import type { ScaleClient } from '../kubernetes/scale.js';

export interface ActSources extends Pick<RoundSources, 'histories' | 'records'> {
  readonly scales: Pick<ScaleClient, 'get' | 'set'>;
}

/** Applies a decision, and remembers it as applied or not. */
export async function act(
  assignment: Assignment,
  decision: Decision,
  { scales, histories, records }: ActSources,
  leads: boolean,
): Promise<{ readonly record: DecisionRecord; readonly previous: DecisionRecord | undefined }> {
  const applied = await apply(scales, assignment.rule, decision, leads);
  const done = applied.outcome === 'applied' || applied.outcome === 'unchanged';
  histories.set(assignment.key, assignment.rule, done ? decision.history : decision.historyIfNotApplied);
  const record = toRecord(assignment, decision, applied);
  return { record, previous: records.put(record) };
}

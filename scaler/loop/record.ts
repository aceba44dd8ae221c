import type { Decision } from '../core/types.js';
import type { WorkloadEvent } from '../kubernetes/events.js';
import type { Applied } from './apply.js';
import type { Assignment } from './assignments.js';
import type { DecisionRecord } from './records.js';

/** A record but for what became of the decision. */
export type Recommended = Omit<DecisionRecord, 'applied' | keyof Applied>;

/** The record that a decision leaves, with what became of it. */
export function toRecord(assignment: Assignment, decision: Decision, applied: Applied): DecisionRecord {
  return { ...recommended(assignment, decision), applied: applied.outcome === 'applied', ...applied };
}

export function recommended({ group, rule }: Assignment, decision: Decision): Recommended {
  const { apiVersion, namespace, name, kind } = rule.scaleTargetRef;
  const { replicas, class: workloadClass, action, reason, trace } = decision;
  return {
    group: group.name,
    scale: rule.scale,
    apiVersion,
    namespace,
    workload: name,
    workloadKind: kind,
    at: trace.at,
    class: workloadClass,
    action,
    currentReplicas: trace.currentReplicas,
    replicas,
    minReplicas: rule.minReplicas,
    maxReplicas: rule.maxReplicas,
    reason,
    dryRun: rule.dryRun,
    labels: rule.labels,
    annotations: rule.annotations,
    trace,
  };
}

/**
 * The Kubernetes Event that a record calls for: that replicas changed or could not be changed, or that something
 * else began to hold the workload. Undefined when there is nothing new to tell.
 */
export function toEvent(
  record: DecisionRecord,
  previous: DecisionRecord | undefined,
): Pick<WorkloadEvent, 'type' | 'reason' | 'message'> | undefined {
  const { currentReplicas, replicas, outcome, error } = record;
  const change = `${currentReplicas} → ${replicas} replicas`;
  if (outcome === 'applied') {
    const reason = replicas > currentReplicas ? 'ScaledUp' : 'ScaledDown';
    return { type: 'Normal', reason, message: `${change}: ${record.reason}` };
  }
  if (outcome === 'failed') {
    if (previous?.error?.code === error?.code) return undefined;
    return { type: 'Warning', reason: 'ScaleFailed', message: `${change}: ${error?.message ?? 'failed'}` };
  }
  const heldAnew = record.action !== 'scale' && previous !== undefined && record.class !== previous.class;
  return heldAnew ? { type: 'Normal', reason: 'Held', message: record.reason } : undefined;
}

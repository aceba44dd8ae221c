import type { ExplainedDecision } from '../core/decision.js';
import { replicasText } from '../core/details.js';
import { capitalize } from '../core/format.js';
import type { Measures } from '../core/measures.js';
import { opaqueText } from '../core/opaque.js';
import { ruleAt } from '../core/rule-at.js';
import { workloadKey, type ScaleTargetRef, type WorkloadKey } from '../core/types.js';
import type { WorkloadEvent } from '../kubernetes/events.js';
import type { Assignment } from './assignments.js';

/** Enough to look back over a busy night, small enough to keep in memory. */
const MAX_CHANGES = 500;

export type Outcome =
  /** The replicas are as decided already. */
  | 'unchanged'
  | 'applied'
  | 'dry_run'
  /** Another replica of the scaler leads. */
  | 'not_leader'
  /** Too many workloads have changed in the last minute; the next round decides again. */
  | 'over_budget'
  /** The workload was changed concurrently; the next round decides again. */
  | 'conflict'
  | 'failed';

/** Outcomes as people read them; empty for replicas that stay. */
export const OUTCOME_TEXTS: Readonly<Record<Outcome, string>> = {
  unchanged: '',
  applied: 'Applied',
  dry_run: 'Not applied: the rule is in shadow mode',
  not_leader: 'Not applied: another scaler is the leader',
  over_budget: 'Not applied: the budget of changes is spent',
  conflict: 'Not applied: another client changed the replicas',
  failed: 'Not applied: writing the replicas failed',
};

export interface Applied {
  readonly outcome: Outcome;
  /** Reason why it could not be applied. */
  readonly error?: { readonly code: string; readonly message: string };
}

/** One decision, acted on or not, as `/api/v1/decisions` serves it. */
export interface DecisionRecord extends Applied {
  readonly group: string;
  /** Name of the rule. */
  readonly scale: string;
  readonly apiVersion: string;
  readonly namespace: string;
  readonly workload: string;
  readonly workloadKind: string;
  /** Seconds since the epoch. */
  readonly at: number;
  readonly class: string;
  readonly action: ExplainedDecision['action'];
  readonly currentReplicas: number;
  readonly replicas: number;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly reason: string;
  readonly dryRun: boolean;
  /** True if replicas were changed. */
  readonly applied: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly trace: ExplainedDecision['trace'];
}

/** A record without the outcome. */
export type Recommended = Omit<DecisionRecord, 'applied' | keyof Applied>;

/** The record of a decision and its outcome. */
export function toRecord(
  assignment: Assignment,
  decision: ExplainedDecision,
  applied: Applied,
): DecisionRecord {
  return { ...recommended(assignment, decision), applied: applied.outcome === 'applied', ...applied };
}

export function recommended({ group, rule: given }: Assignment, decision: ExplainedDecision): Recommended {
  const rule = ruleAt(given, decision.trace.at);
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
 * The Kubernetes Event of a record: replicas changed, could not be changed, are left to another or no more, another class
 * now holds the workload, harm began or has another cause, or pods cannot be seen into for another reason. Undefined
 * without news.
 */
export function toEvent(
  record: DecisionRecord,
  previous: DecisionRecord | undefined,
): Pick<WorkloadEvent, 'type' | 'reason' | 'message'> | undefined {
  const { currentReplicas, replicas, outcome, error } = record;
  const change = replicasText(currentReplicas, replicas);
  if (outcome === 'applied') {
    const reason = replicas > currentReplicas ? 'ScaledUp' : 'ScaledDown';
    return { type: 'Normal', reason, message: `${change}: ${record.reason}` };
  }
  if (outcome === 'failed') {
    if (previous?.error?.code === error?.code) return undefined;
    return {
      type: 'Warning',
      reason: 'ScaleFailed',
      message: `${change}: ${error?.message ?? 'the write failed'}`,
    };
  }
  if (yieldChanged(record, previous)) return yieldEvent(record);
  const heldAnew = record.action !== 'scale' && previous !== undefined && record.class !== previous.class;
  if (heldAnew) return { type: 'Normal', reason: 'Held', message: record.reason };
  if (harmChanged(record, previous) && record.trace.harm?.harmed) {
    return { type: 'Warning', reason: 'Harmed', message: record.reason };
  }
  const { opaque } = record.trace;
  if (!opaque || opaque.why === previous?.trace.opaque?.why) return undefined;
  return { type: 'Warning', reason: 'PodsOpaque', message: capitalize(opaqueText(opaque)) };
}

/** Replicas once the record's decision was acted on. */
export function replicasAfter({ applied, replicas, currentReplicas }: DecisionRecord): number {
  return applied ? replicas : currentReplicas;
}

/** Is told of every record as it is stored. */
export interface RecordsListener {
  /** @param measured what the settled window of the round has of the workload */
  readonly put: (record: DecisionRecord, measured: Measures | undefined) => void;
  readonly removed: (record: DecisionRecord) => void;
  readonly roundEnded: () => void;
}

/** The last record of every workload, and the recent ones that differ from the one before. */
export class DecisionRecords {
  readonly #last = new Map<WorkloadKey, DecisionRecord>();
  readonly #changes: DecisionRecord[] = [];

  constructor(private readonly listener?: RecordsListener) {}

  /** Stores a record and returns the one that it replaces. */
  put(record: DecisionRecord, measured?: Measures): DecisionRecord | undefined {
    const key = keyOf(record);
    const previous = this.#last.get(key);
    this.#last.set(key, record);
    if (isChange(record, previous)) {
      this.#changes.unshift(record);
      this.#changes.length = Math.min(this.#changes.length, MAX_CHANGES);
    }
    this.listener?.put(record, measured);
    return previous;
  }

  get(target: Omit<ScaleTargetRef, 'apiVersion'>): DecisionRecord | undefined {
    return this.#last.get(workloadKey(target));
  }

  /** In any order. */
  all(): Iterable<DecisionRecord> {
    return this.#last.values();
  }

  /** Ordered by namespace, then by workload. */
  list(): DecisionRecord[] {
    return [...this.all()].sort(
      (a, b) => a.namespace.localeCompare(b.namespace) || a.workload.localeCompare(b.workload),
    );
  }

  /** Newest first. */
  changes(): readonly DecisionRecord[] {
    return this.#changes;
  }

  /** Ends a round: removes and returns the last records of workloads that no rule scales any more. */
  retain(assigned: (workload: WorkloadKey) => boolean): DecisionRecord[] {
    const gone = [...this.#last].filter(([key]) => !assigned(key));
    for (const [key, record] of gone) {
      this.#last.delete(key);
      this.listener?.removed(record);
    }
    this.listener?.roundEnded();
    return gone.map(([, record]) => record);
  }
}

/** True if a record says something that the one before it did not. */
export function isChange(record: DecisionRecord, previous: DecisionRecord | undefined): boolean {
  if (record.outcome === 'applied') return true;
  if (!previous) return record.outcome !== 'unchanged';
  return (
    record.class !== previous.class ||
    record.outcome !== previous.outcome ||
    record.replicas !== previous.replicas ||
    yieldChanged(record, previous) ||
    harmChanged(record, previous)
  );
}

/** True if the replicas are left to another than before, or to none any more. */
function yieldChanged(record: DecisionRecord, previous: DecisionRecord | undefined): boolean {
  const [now, before] = [record.trace.yields, previous?.trace.yields];
  return now?.to !== before?.to || now?.by !== before?.by || now?.until !== before?.until;
}

const YIELD_REASONS = {
  otherAutoscaler: 'OtherAutoscaler',
  paused: 'Paused',
  otherWriter: 'ReplicasChanged',
} as const;

function yieldEvent({ reason, trace: { yields } }: DecisionRecord): ReturnType<typeof toEvent> {
  if (!yields) return { type: 'Normal', reason: 'Resumed', message: reason };
  const type = yields.to === 'paused' ? 'Normal' : 'Warning';
  return { type, reason: YIELD_REASONS[yields.to], message: reason };
}

/** True if harm began, ended or has another cause. */
function harmChanged(record: DecisionRecord, previous: DecisionRecord | undefined): boolean {
  const harmOf = (it: DecisionRecord | undefined) => {
    const harm = it?.trace.harm;
    return harm?.harmed ? (harm.cause ?? 'harmed') : 'none';
  };
  return harmOf(record) !== harmOf(previous);
}

function keyOf({ namespace, workloadKind, workload }: DecisionRecord): WorkloadKey {
  return workloadKey({ namespace, kind: workloadKind, name: workload });
}

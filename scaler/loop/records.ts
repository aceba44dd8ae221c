import { workloadKey, type Decision, type ScaleTargetRef, type WorkloadKey } from '../core/types.js';

/** Enough to look back over a busy night, small enough to keep in memory. */
const MAX_CHANGES = 500;

/** What became of a decision. */
export const OUTCOMES = [
  /** The replicas are as decided already. */
  'unchanged',
  'applied',
  'dry_run',
  /** Another replica of the scaler leads. */
  'not_leader',
  /** Somebody else changed the workload meanwhile; the next round decides again. */
  'conflict',
  'failed',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** One decision, acted on or not, as `/api/v1/decisions` serves it. */
export interface DecisionRecord {
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
  readonly action: Decision['action'];
  readonly currentReplicas: number;
  readonly replicas: number;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly reason: string;
  readonly dryRun: boolean;
  /** Whether replicas were changed. */
  readonly applied: boolean;
  readonly outcome: Outcome;
  /** Why it could not be applied. */
  readonly error?: { readonly code: string; readonly message: string };
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly trace: Decision['trace'];
}

/** The last decision about every workload, and the recent ones that changed something. */
export class DecisionRecords {
  readonly #last = new Map<WorkloadKey, DecisionRecord>();
  readonly #changes: DecisionRecord[] = [];

  /** Keeps a record and answers the one it takes the place of. */
  put(record: DecisionRecord): DecisionRecord | undefined {
    const key = keyOf(record);
    const previous = this.#last.get(key);
    this.#last.set(key, record);
    if (isChange(record, previous)) {
      this.#changes.unshift(record);
      this.#changes.length = Math.min(this.#changes.length, MAX_CHANGES);
    }
    return previous;
  }

  get(target: Omit<ScaleTargetRef, 'apiVersion'>): DecisionRecord | undefined {
    return this.#last.get(workloadKey(target));
  }

  /** Ordered by namespace, then by workload. */
  list(): DecisionRecord[] {
    return [...this.#last.values()].sort(
      (a, b) => a.namespace.localeCompare(b.namespace) || a.workload.localeCompare(b.workload),
    );
  }

  /** Newest first. */
  changes(): readonly DecisionRecord[] {
    return this.#changes;
  }

  /** Forgets the last decisions about workloads that no rule scales any more, and answers them. */
  retain(assigned: (workload: WorkloadKey) => boolean): DecisionRecord[] {
    const gone = [...this.#last].filter(([key]) => !assigned(key));
    for (const [key] of gone) this.#last.delete(key);
    return gone.map(([, record]) => record);
  }
}

/** Whether a record tells something that the one before it did not. */
export function isChange(record: DecisionRecord, previous: DecisionRecord | undefined): boolean {
  if (record.outcome === 'applied') return true;
  if (!previous) return record.outcome !== 'unchanged';
  return (
    record.class !== previous.class ||
    record.outcome !== previous.outcome ||
    record.replicas !== previous.replicas
  );
}

function keyOf({ namespace, workloadKind, workload }: DecisionRecord): WorkloadKey {
  return workloadKey({ namespace, kind: workloadKind, name: workload });
}

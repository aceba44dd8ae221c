/** The compact row of a workload: what the list and the events of the API send, and what the page reads. */

/** Thread states in the order of a row's shares. Sleep and idle time, when threads have nothing to do, is not in them. */
export const STATES = ['oncpu', 'runqueue', 'throttled', 'disk', 'network', 'lock', 'ipc', 'other'] as const;

/** Fields of a row in their order: 10,000 objects would repeat their keys 10,000 times. */
export const FIELDS = [
  'namespace',
  'kind',
  'name',
  'group',
  'rule',
  'replicas',
  'wanted',
  'min',
  'max',
  'class',
  'harm',
  'mode',
  'at',
  'reason',
  'outcome',
  'states',
  'steps',
] as const;

export interface WorkloadRow {
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
  readonly group: string;
  readonly rule: string;
  readonly replicas: number;
  readonly wanted: number;
  readonly min: number;
  readonly max: number;
  readonly class: string;
  /** The cause of harm, `signs` while they have not lasted long enough, or empty. */
  readonly harm: string;
  /** Whose the replicas are: empty for the rule's, `shadow` for a shadow rule, or whom they are left to. */
  readonly mode: string;
  /** Time of the decision, seconds since the epoch; 0: that of the last round of its group. */
  readonly at: number;
  readonly reason: string;
  /** Why a change was not applied, for people; empty if it was. */
  readonly outcome: string;
  /** Percent of busy thread time in each of `STATES`; empty where it is not measured. */
  readonly states: readonly number[];
  /** Times and replicas in turn: how they changed in the last hour, oldest first. */
  readonly steps: readonly number[];
}

export type RowValue = WorkloadRow[keyof WorkloadRow];

/** What the scaler says of itself. */
export interface Status {
  readonly leader: boolean;
  /** True if no rule is applied, by the flag `--dry-run`. */
  readonly dryRun: boolean;
  /** URL of a Grafana with Kernscale's dashboards. */
  readonly grafana?: string;
  readonly rules: number;
  readonly problems: readonly string[];
  /** Time of the last round and interval of every group with workloads, seconds; 0: an interval that is not known. */
  readonly groups: readonly (readonly [name: string, at: number, interval: number])[];
}

/** One server-sent event. A field that is absent has not changed. */
export interface Update {
  /** The server's time, seconds since the epoch. */
  readonly now: number;
  /** The first of a stream: what was known before is void. */
  readonly first?: true;
  readonly status?: Status;
  /** New rows: an id, then the values of `FIELDS`. */
  readonly rows?: readonly (readonly [id: number, ...values: RowValue[]])[];
  /** Changed rows: an id, then indexes of fields and their values in turn. */
  readonly set?: readonly (readonly [id: number, ...changes: RowValue[]])[];
  readonly gone?: readonly number[];
  /** Further changes follow at once. */
  readonly more?: true;
}

/** Figures of one point of a workload's history, in their order; `null` where one is not known. */
export const POINT = [
  'at',
  'replicas',
  'wanted',
  'demand',
  'capacity',
  'arrived',
  'answered',
  'outstanding',
  'latency',
  'usual',
  ...STATES,
] as const;

/** Who waits on whom: the graph's edges. */
export interface WaitEdge {
  readonly from: string;
  /** A workload key, or the address of a peer that is no workload. */
  readonly to: string;
  /** Requests that wait for this peer at once, in the mean. */
  readonly waiting: number;
  /** Requests per second. */
  readonly sent: number;
}

import { FIELDS, type RowValue, type Status, type Update, type WorkloadRow } from '../row.js';

/** A row with what the page adds to it. */
export interface Workload extends WorkloadRow {
  readonly id: number;
  /** `namespace/kind/name`. */
  readonly key: string;
}

/** What the page knows: the scaler's last events, and when they came. */
export class Store {
  workloads: ReadonlyMap<number, Workload> = new Map();
  status: Status | undefined;
  #values = new Map<number, RowValue[]>();
  /** Of a new stream, until all of it is here. */
  #incoming: Map<number, RowValue[]> | undefined;
  #known = new Map<number, Workload>();
  #now = 0;
  #receivedAt = 0;

  /** @param at when the update came, seconds by a clock that is never set */
  apply(update: Update, at: number): void {
    [this.#now, this.#receivedAt] = [update.now, at];
    this.status = update.status ?? this.status;
    if (update.first) this.#incoming = new Map();
    const values = this.#incoming ?? this.#values;
    for (const [id, ...row] of update.rows ?? []) {
      values.set(id, row);
      this.#known.delete(id);
    }
    for (const [id, ...changes] of update.set ?? []) {
      values.set(id, changed(values.get(id) ?? [], changes));
      this.#known.delete(id);
    }
    for (const id of update.gone ?? []) values.delete(id);
    if (update.more && this.#incoming && this.#values.size > 0) return;
    // An id of another process may be of another workload.
    if (this.#incoming && this.#incoming !== this.#values) this.#known.clear();
    this.#values = values;
    if (!update.more) this.#incoming = undefined;
    this.#publish();
  }

  /** The scaler's time, counted on since its last event. @param at as of `apply` */
  now(at: number): number {
    return this.#now + this.silence(at);
  }

  /** Seconds since the last event. */
  silence(at: number): number {
    return at - this.#receivedAt;
  }

  /** Time of the decision on a workload. */
  decidedAt({ at, group }: Workload): number {
    return at === 0 ? (this.status?.groups.find(([name]) => name === group)?.[1] ?? 0) : at;
  }

  /** Differs once any group has had another round. */
  get rounds(): string {
    return this.status?.groups.map(([, at]) => at).join(' ') ?? '';
  }

  find(key: string): Workload | undefined {
    for (const workload of this.workloads.values()) if (workload.key === key) return workload;
    return undefined;
  }

  #publish(): void {
    const workloads = new Map<number, Workload>();
    for (const [id, values] of this.#values) workloads.set(id, this.#known.get(id) ?? toWorkload(id, values));
    this.#known = workloads;
    this.workloads = new Map(workloads);
  }
}

function changed(row: readonly RowValue[], changes: readonly RowValue[]): RowValue[] {
  const next = [...row];
  for (let index = 0; index < changes.length; index += 2)
    next[changes[index] as number] = changes[index + 1]!;
  return next;
}

function toWorkload(id: number, values: readonly RowValue[]): Workload {
  const row = Object.fromEntries(FIELDS.map((field, index) => [field, values[index]]));
  const { namespace, kind, name } = row as unknown as WorkloadRow;
  return { ...(row as unknown as WorkloadRow), id, key: `${namespace}/${kind}/${name}` };
}

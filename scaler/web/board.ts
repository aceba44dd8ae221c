import type { Measures } from '../core/measures.js';
import { workloadKey, type WorkloadId, type WorkloadKey } from '../core/types.js';
import type { DecisionRecord, RecordsListener } from '../loop/record.js';
import { rowOf, pointOf, edgesOf } from './board-row.js';
import { WorkloadHistory } from './history.js';
import { FIELDS, type RowValue, type Update, type WaitEdge } from './row.js';

/** Rows of one event: a slow reader is sent the next ones once it has read these. */
const ROWS_PER_UPDATE = 500;
const ALL_FIELDS = 2 ** FIELDS.length - 1;
const AT = FIELDS.indexOf('at');

interface Kept {
  readonly id: number;
  readonly key: WorkloadKey;
  readonly group: string;
  /** Time of its decision. */
  at: number;
  row: RowValue[];
  readonly history: WorkloadHistory;
  edges: readonly WaitEdge[];
}

/** What the page shows of every workload, and which of it each reader has not seen yet. */
export class Board implements RecordsListener {
  readonly #kept = new Map<WorkloadKey, Kept>();
  readonly #byId = new Map<number, Kept>();
  readonly #rounds = new Map<string, number>();
  readonly #readers = new Set<Reader>();
  #lastId = 0;

  put(record: DecisionRecord, measured: Measures | undefined): void {
    const { namespace, workloadKind: kind, workload: name, group, at } = record;
    const key = workloadKey({ namespace, kind, name });
    this.#rounds.set(group, Math.max(at, this.#rounds.get(group) ?? 0));
    const known = this.#kept.get(key);
    const kept = known?.group === group ? known : this.#add(key, group, known);
    const row = rowOf(record, measured, kept.row);
    this.#change(kept, row);
    kept.at = at;
    kept.edges = edgesOf(key, measured);
    kept.history.add(pointOf(record, measured), this.#kept.size);
  }

  removed({ namespace, workloadKind: kind, workload: name }: DecisionRecord): void {
    const kept = this.#kept.get(workloadKey({ namespace, kind, name }));
    if (kept) this.#remove(kept);
  }

  /** Rows that the last round of their group did not decide on show the time of their own. */
  roundEnded(): void {
    for (const kept of this.#kept.values()) {
      const at = kept.at === this.#rounds.get(kept.group) ? 0 : kept.at;
      if (kept.row[AT] !== at) this.#change(kept, kept.row.with(AT, at));
    }
    const groups = new Set([...this.#kept.values()].map(({ group }) => group));
    for (const group of this.#rounds.keys()) if (!groups.has(group)) this.#rounds.delete(group);
  }

  /** Values of `FIELDS` of every workload; the times are written out. */
  list(): RowValue[][] {
    return [...this.#kept.values()].map(({ row, at }) => row.with(AT, at));
  }

  /** Time of the last round of every group that has workloads. */
  get rounds(): ReadonlyMap<string, number> {
    return this.#rounds;
  }

  /** Points of the last hour; undefined for a workload without decisions. */
  history(workload: WorkloadId): (number | null)[][] | undefined {
    return this.#kept.get(workloadKey(workload))?.history.points();
  }

  edges(): WaitEdge[] {
    return [...this.#kept.values()].flatMap(({ edges }) => edges);
  }

  /** Number of readers that are not closed. */
  get readers(): number {
    return this.#readers.size;
  }

  /** A reader that has seen nothing yet. */
  read(): Reader {
    const reader = new Reader(
      (id) => this.#byId.get(id)?.row,
      () => this.#readers.delete(reader),
    );
    for (const { id } of this.#kept.values()) reader.changed(id, ALL_FIELDS);
    this.#readers.add(reader);
    return reader;
  }

  #add(key: WorkloadKey, group: string, replaced: Kept | undefined): Kept {
    if (replaced) this.#remove(replaced);
    const history = replaced?.history ?? new WorkloadHistory();
    const kept: Kept = { id: ++this.#lastId, key, group, at: 0, row: [], history, edges: [] };
    this.#kept.set(key, kept);
    this.#byId.set(kept.id, kept);
    return kept;
  }

  #remove({ key, id }: Kept): void {
    this.#kept.delete(key);
    this.#byId.delete(id);
    for (const reader of this.#readers) reader.removed(id);
  }

  #change(kept: Kept, row: RowValue[]): void {
    let fields = 0;
    row.forEach((value, index) => {
      if (!isSame(value, kept.row[index])) fields |= 1 << index;
    });
    kept.row = row;
    if (fields !== 0) for (const reader of this.#readers) reader.changed(kept.id, fields);
  }
}

/** Collects which fields of which rows have changed: however slow a reader is, it costs no more than that. */
export class Reader {
  readonly #changed = new Map<number, number>();
  readonly #gone = new Set<number>();

  constructor(
    private readonly rowOf: (id: number) => readonly RowValue[] | undefined,
    /** Forgets the reader. */
    readonly close: () => void,
  ) {}

  /** @param fields one bit for each of `FIELDS` */
  changed(id: number, fields: number): void {
    this.#changed.set(id, (this.#changed.get(id) ?? 0) | fields);
  }

  removed(id: number): void {
    // A row that was never sent needs no removal.
    if (this.#changed.get(id) !== ALL_FIELDS) this.#gone.add(id);
    this.#changed.delete(id);
  }

  /** The next changes, as they are now; empty without any. */
  take(): Pick<Update, 'rows' | 'set' | 'gone' | 'more'> {
    const rows: (readonly [number, ...RowValue[]])[] = [];
    const set: (readonly [number, ...RowValue[]])[] = [];
    for (const [id, fields] of this.#changed) {
      if (rows.length + set.length === ROWS_PER_UPDATE) break;
      this.#changed.delete(id);
      const row = this.rowOf(id)!;
      if (fields === ALL_FIELDS) rows.push([id, ...row]);
      else set.push([id, ...row.flatMap((value, index) => (fields & (1 << index) ? [index, value] : []))]);
    }
    const gone = [...this.#gone];
    this.#gone.clear();
    return {
      ...(rows.length > 0 && { rows }),
      ...(set.length > 0 && { set }),
      ...(gone.length > 0 && { gone }),
      ...(this.#changed.size > 0 && { more: true }),
    };
  }
}

function isSame(value: RowValue, other: RowValue | undefined): boolean {
  if (typeof value !== 'object' || typeof other !== 'object') return value === other;
  return value.length === other.length && value.every((item, index) => item === other[index]);
}

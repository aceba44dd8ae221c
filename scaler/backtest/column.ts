import type { WorkloadKey } from '../core/types.js';
import { keyOfLabels, oldest } from '../loop/freshness.js';
import type { SignalSample, SignalTable } from '../loop/signal-table.js';
import type { RangeSeries } from '../promql/range.js';

/** Which of a chunk's evaluation times is looked at. */
export interface Cursor {
  index: number;
  /** Seconds since the epoch. */
  at: number;
}

interface Part {
  /** Its value is that of the time at which it was last asked for. */
  readonly sample: { readonly peer: string; value: number };
  readonly series: RangeSeries;
}

/** The series of one answer by workload, read at a cursor. Series without a workload's labels are under ''. */
export class Column {
  readonly #byWorkload = new Map<WorkloadKey, Part[]>();
  /** What `get` said last: all signals of a workload ask for the age of the same data. */
  #largest: number | undefined;
  #workload: WorkloadKey | undefined;
  #index = -1;

  constructor(
    series: readonly RangeSeries[],
    private readonly cursor: Cursor,
  ) {
    for (const one of series) {
      const key = keyOfLabels(one.labels) ?? '';
      const parts = this.#byWorkload.get(key);
      const part = { sample: { peer: one.labels['peer'] ?? '', value: NaN }, series: one };
      if (parts) parts.push(part);
      else this.#byWorkload.set(key, [part]);
    }
  }

  /** Every workload that has a value at some time of the chunk. */
  everyWorkload(): WorkloadKey[] {
    return [...this.#byWorkload.keys()].filter((key) => key !== '');
  }

  /** Those that have a value now. */
  workloads(among: readonly WorkloadKey[]): WorkloadKey[] {
    return among.filter((key) => this.get(key) !== undefined);
  }

  /** Good until the cursor moves: a week has too many samples for an object each. */
  samples(workload: WorkloadKey): readonly SignalSample[] {
    const { index } = this.cursor;
    const samples: SignalSample[] = [];
    for (const { sample, series } of this.#byWorkload.get(workload) ?? []) {
      if (series.present[index] !== 1) continue;
      sample.value = series.values[index]!;
      samples.push(sample);
    }
    return samples;
  }

  /** The largest value of a workload. */
  get(workload: WorkloadKey): number | undefined {
    const { index } = this.cursor;
    if (this.#workload === workload && this.#index === index) return this.#largest;
    let largest: number | undefined;
    for (const { series } of this.#byWorkload.get(workload) ?? []) {
      if (series.present[index] !== 1) continue;
      const value = series.values[index]!;
      if (largest === undefined || value > largest) largest = value;
    }
    [this.#workload, this.#index, this.#largest] = [workload, index, largest];
    return largest;
  }
}

/**
 * A signal of the past as the live loop sees one of the present.
 *
 * @param ages when its `freshnessSelectors` were scraped
 * @param assigned workloads that are looked at whether they have a value or not: to find them again costs more than to
 *   decide on them
 */
export function signalTable(
  values: Column,
  ages: readonly Column[],
  cursor: Cursor,
  assigned: ReadonlyMap<WorkloadKey, unknown>,
): SignalTable {
  const others = values.everyWorkload().filter((key) => !assigned.has(key));
  return {
    workloads: () => values.workloads(others),
    samples: (workload) => values.samples(workload),
    scrapedAt: (workload) => oldest(ages, workload, cursor.at),
  };
}

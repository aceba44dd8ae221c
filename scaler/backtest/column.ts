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
  readonly peer: string;
  readonly series: RangeSeries;
}

/** The series of one answer by workload, read at a cursor. Series without a workload's labels are under ''. */
export class Column {
  readonly #byWorkload = new Map<WorkloadKey, Part[]>();

  constructor(
    series: readonly RangeSeries[],
    private readonly cursor: Cursor,
  ) {
    for (const one of series) {
      const key = keyOfLabels(one.labels) ?? '';
      const parts = this.#byWorkload.get(key);
      const part = { peer: one.labels['peer'] ?? '', series: one };
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

  samples(workload: WorkloadKey): readonly SignalSample[] {
    const { index } = this.cursor;
    const parts = this.#byWorkload.get(workload);
    if (!parts) return [];
    const samples: SignalSample[] = [];
    for (const { peer, series } of parts) {
      if (series.present[index] === 1) samples.push({ peer, value: series.values[index]! });
    }
    return samples;
  }

  /** The largest value of a workload. */
  get(workload: WorkloadKey): number | undefined {
    const { index } = this.cursor;
    let largest: number | undefined;
    for (const { series } of this.#byWorkload.get(workload) ?? []) {
      if (series.present[index] !== 1) continue;
      const value = series.values[index]!;
      if (largest === undefined || value > largest) largest = value;
    }
    return largest;
  }
}

/**
 * A signal of the past as the live loop sees one of the present.
 *
 * @param ages when its `freshnessSelectors` were scraped
 * @param claimed workloads that are looked at whether they have a value or not: to find them again costs more than to
 *   decide on them
 */
export function signalTable(
  values: Column,
  ages: readonly Column[],
  cursor: Cursor,
  claimed: ReadonlyMap<WorkloadKey, unknown>,
): SignalTable {
  const others = values.everyWorkload().filter((key) => !claimed.has(key));
  return {
    workloads: () => values.workloads(others),
    samples: (workload) => values.samples(workload),
    scrapedAt: (workload) => oldest(ages, workload, cursor.at),
  };
}

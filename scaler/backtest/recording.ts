import { getOrCompute } from '../../common/once.js';
import type { WorkloadId, WorkloadKey } from '../core/types.js';
import type { Endpoint } from '../kubernetes/topology.js';
import { keyOfLabels, oldest, type FindMissingSource } from '../promql/freshness.js';
import { partOf, STALE, type SignalSample, type SignalTable } from '../loop/signals.js';
import type { RangeSeries } from '../promql/range.js';

/** Step of a chunk at which its columns are read. */
export interface Cursor {
  index: number;
  /** Seconds since the epoch. */
  at: number;
}

interface Part {
  /** `value` is overwritten by each read. */
  readonly sample: SignalSample & { value: number };
  readonly series: RangeSeries;
}

/** The series of one expression by workload, read at a cursor. Series without a workload's labels are under ''. */
export class Column {
  readonly #byWorkload = new Map<WorkloadKey, Part[]>();
  readonly #measures = new Map<WorkloadKey, ReadonlySet<string>>();
  /** Last result of `get`: all signals of a workload read the age of the same data. */
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
      const part = { sample: { ...partOf(one.labels), value: NaN }, series: one };
      if (parts) parts.push(part);
      else this.#byWorkload.set(key, [part]);
    }
  }

  /** Workloads with a value anywhere in the chunk. */
  everyWorkload(): WorkloadKey[] {
    return [...this.#byWorkload.keys()].filter((key) => key !== '');
  }

  /** Measures of which a workload has a value anywhere in the chunk. */
  measures(workload: WorkloadKey): ReadonlySet<string> {
    return getOrCompute(this.#measures, workload, () => {
      const parts = this.#byWorkload.get(workload) ?? [];
      return new Set(parts.map(({ sample: { measure = '' } }) => measure));
    });
  }

  /** Workloads with a value at the cursor. */
  workloads(among: readonly WorkloadKey[]): WorkloadKey[] {
    return among.filter((key) => this.get(key) !== undefined);
  }

  /** Valid until the cursor moves: a week has too many samples for an object each. */
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

  /** True if any series has a value at the cursor. */
  hasData(): boolean {
    const { index } = this.cursor;
    return [...this.#byWorkload.values()].some((parts) =>
      parts.some(({ series }) => series.present[index] === 1),
    );
  }

  /** Largest value of a workload at the cursor. */
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
 * Presents a recorded signal as the live loop sees a current one.
 *
 * @param ages sample times of its `freshnessSelectors`
 * @param findMissing finds which of them are needed and have none
 * @param assigned workloads that are decided on with or without a value, so the table need not list them
 */
export function signalTable(
  values: Column,
  ages: readonly Column[],
  findMissing: FindMissingSource,
  cursor: Cursor,
  assigned: ReadonlyMap<WorkloadKey, unknown>,
): SignalTable {
  const others = values.everyWorkload().filter((key) => !assigned.has(key));
  return {
    workloads: () => values.workloads(others),
    samples: (workload) => values.samples(workload),
    measures: (workload) => values.measures(workload),
    scrapedAt: (workload) =>
      findMissing((index) => ages[index]!.hasData()) ?? oldest(ages, workload, cursor.at) ?? STALE,
  };
}

/** Workloads by address, as the scaler exported them at the time. */
export const ENDPOINTS =
  'max by (address, namespace, workload, workload_kind) (kernscale_endpoint_info{workload!=""})';

/** Resolver of peers at a step of a grid; undefined while no scaler exported endpoints. */
export type PeersAt = (index: number) => ((peer: string) => Endpoint | undefined) | undefined;

export function peersOf(series: readonly RangeSeries[]): PeersAt {
  const known = new Map<number, ReadonlyMap<string, Endpoint> | undefined>();
  return (index) => {
    if (!known.has(index)) known.set(index, endpointsAt(series, index));
    const endpoints = known.get(index);
    return endpoints && ((peer) => endpoints.get(peer));
  };
}

function endpointsAt(series: readonly RangeSeries[], index: number): Map<string, Endpoint> | undefined {
  const endpoints = new Map<string, { workloads: WorkloadId[] }>();
  for (const { labels, present } of series) {
    const { address, namespace, workload: name, workload_kind: kind } = labels;
    if (present[index] !== 1 || !address || !namespace || !name || !kind) continue;
    const endpoint = endpoints.get(address) ?? { workloads: [] };
    endpoint.workloads.push({ namespace, kind, name });
    endpoints.set(address, endpoint);
  }
  return endpoints.size > 0 ? endpoints : undefined;
}

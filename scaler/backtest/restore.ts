import { setTimeout as sleep } from 'node:timers/promises';
import type { Windows } from '../core/measures.js';
import type { WorkloadKey } from '../core/types.js';
import type { Resolve } from '../loop/peers.js';
import type { SignalTable } from '../loop/signals.js';
import { windowsOf } from '../loop/windows.js';
import { ageQuery, freshnessSelectors } from '../promql/freshness.js';
import type { Grid, RangeResult, RangeSeries } from '../promql/range.js';
import type { QueryFailed } from '../promql/response.js';
import { WINDOW_PARTS, type WindowPart } from '../promql/windows.js';
import type { RuleGroup, WindowQueries } from '../rules/types.js';
import { Column, signalTable, type Cursor } from './recording.js';

/** Seconds between two rounds of the past. */
const STEP = 60;
/** All windows are of the exporter's data, which dates itself. */
const ONE_SOURCE = (): undefined => undefined;
/** Rounds whose data is in memory at once. */
const CHUNK = 15;

export interface RestoreOptions {
  /** Evaluates an expression at every time of a grid. */
  readonly range: (expr: string, grid: Grid) => Promise<RangeResult>;
  readonly groups: readonly RuleGroup[];
  /** Undefined while the Services of the cluster are not known. */
  readonly resolve: Resolve | undefined;
  /** End of the past, seconds since the epoch. */
  readonly now: number;
  /** Length of the past in seconds. */
  readonly span: number;
  /** Receives the windows of all workloads in one round, which callers and callees need together; the oldest comes first. */
  readonly learn: (round: ReadonlyMap<WorkloadKey, Windows>, at: number) => void;
}

/**
 * Replays what workloads did in the last hours, so that what is usual is known without a new apprenticeship: four range
 * queries for every 15 minutes, whatever the number of workloads.
 *
 * All workloads are read over the longest window of any group, which stands for the recent one, too: nothing grows in
 * the past.
 *
 * @returns the failure that ended the replay early; what came before it is learnt
 */
export async function restoreUsual(options: RestoreOptions): Promise<QueryFailed | undefined> {
  const { groups, now, span } = options;
  const settled = groups.map(({ windows }) => windows.settled);
  const [window] = settled.sort((a, b) => b.seconds - a.seconds);
  const count = Math.floor(span / STEP);
  if (!window) return undefined;
  for (let done = 0; done < count; done += CHUNK) {
    const from = now - (count - 1 - done) * STEP;
    const failed = await replayChunk(
      window,
      { from, step: STEP, count: Math.min(CHUNK, count - done) },
      options,
    );
    if (failed) return failed;
  }
  return undefined;
}

async function replayChunk(
  window: WindowQueries,
  grid: Grid,
  { range, resolve, learn }: RestoreOptions,
): Promise<QueryFailed | undefined> {
  const parts = WINDOW_PARTS.map((part) => window.parts[part].expr);
  const exprs = [...parts, ...freshnessSelectors(window.parts.threads.expr).map(ageQuery)];
  const results: RangeResult[] = [];
  // One by one: the rounds of the present query at the same time.
  for (const expr of exprs) {
    const result = await range(expr, grid);
    if (!result.ok) return result;
    results.push(result);
  }
  const cursor: Cursor = { index: 0, at: grid.from };
  const columns = results.map((result) => new Column(seriesOf(result), cursor));
  const ages = columns.slice(WINDOW_PARTS.length);
  const tables = WINDOW_PARTS.map((part, index): [WindowPart, SignalTable] => {
    return [part, signalTable(columns[index]!, ages, ONE_SOURCE, cursor, new Map())];
  });
  const table = { ...window, parts: new Map(tables) };
  for (; cursor.index < grid.count; cursor.index++) {
    const begun = performance.now();
    cursor.at = grid.from + cursor.index * grid.step;
    const round = new Map<WorkloadKey, Windows>();
    for (const workload of table.parts.get('threads')!.workloads()) {
      const windows = windowsOf({ recent: table, settled: table, now: cursor.at }, workload, resolve);
      if (windows) round.set(workload, windows);
    }
    learn(round, cursor.at);
    // The rounds of the present have at least half of the time.
    await sleep(performance.now() - begun);
  }
  return undefined;
}

function seriesOf(result: RangeResult): readonly RangeSeries[] {
  return result.ok ? result.series : [];
}

import type { WorkloadKey } from '../core/types.js';
import { MIN_BUSY } from '../promql/signals.js';
import type { WindowPart } from '../promql/windows.js';
import type { RuleGroup } from '../rules/types.js';
import type { SignalSample, SignalTable, SignalTables } from './signals.js';

type Signals = RuleGroup['signals'];
type Rows = readonly SignalSample[];

const NO_ROWS: Rows = [];

const AT_REST: ReadonlySet<string | undefined> = new Set(['idle', 'sleep']);

/** Built-in signals from the rows of the settled window, as their expressions define them. */
const READ: Readonly<Record<string, (rows: Rows, threads: Rows) => Rows>> = {
  cpu: (rows) =>
    states(rows)
      .filter(({ state }) => state === 'oncpu')
      .map(withoutState),
  blockio: (rows) => share(rows, 'disk'),
  wait: (rows) => share(rows, 'network'),
  lock: (rows) => share(rows, 'lock'),
  pods: (rows) => rows.filter(({ measure }) => measure === 'pods'),
  edges: (rows) => rows.filter(({ measure }) => measure === 'waited'),
  requests: (rows, threads) => ofAllPods(arrivals(rows), threads),
  concurrency: (rows, threads) => ofAllPods(outstanding(rows), threads),
};

/** The other signals of a group than `queriedSignals`. */
export function toldSignals(signals: Signals, settled: ReadonlyMap<WindowPart, SignalTable>): SignalTables {
  const tables = new Map<string, SignalTable>();
  for (const [name, { toldBy }] of Object.entries(signals)) {
    const rows = toldBy && settled.get(toldBy);
    const read = READ[name];
    if (!rows || !read) continue;
    const threads = (workload: WorkloadKey): Rows => settled.get('threads')?.samples(workload) ?? NO_ROWS;
    tables.set(name, {
      ...rows,
      samples: (workload) => read(rows.samples(workload), threads(workload)),
    });
  }
  return tables;
}

function arrivals(rows: Rows): Rows {
  return rows.filter(({ measure }) => measure === 'arrived');
}

/** Rows of zeros are left out by the query: where requests are counted, none is outstanding then. */
function outstanding(rows: Rows): Rows {
  const found = rows.filter(({ measure }) => measure === 'outstanding');
  const isCounted = arrivals(rows).some(({ value }) => Number.isFinite(value));
  return found.length === 0 && isCounted ? [{ peer: '', value: 0 }] : found;
}

/** Pods whose requests cannot be seen do as the others do, see `measuresOfAll`. */
function ofAllPods(rows: Rows, threads: Rows): Rows {
  const hidden = threads.filter(({ measure }) => measure === 'opaque').length;
  const pods = threads.find(({ measure }) => measure === 'pods')?.value ?? 0;
  if (hidden === 0 || pods <= hidden) return rows;
  return rows.map((row) => ({ ...row, value: (row.value * pods) / (pods - hidden) }));
}

function states(rows: Rows): Rows {
  return rows.filter(({ measure }) => measure === 'states');
}

/** Share of busy thread time that is spent in one state; none where that state is not measured. */
function share(rows: Rows, wanted: string): Rows {
  const known = states(rows).filter(({ state }) => !AT_REST.has(state));
  const busy = known.reduce((sum, { value }) => sum + value, 0);
  return known
    .filter(({ state }) => state === wanted)
    .map(({ peer, value }) => ({ peer, value: value / Math.max(busy, MIN_BUSY) }));
}

function withoutState({ peer, value }: SignalSample): SignalSample {
  return { peer, value };
}

import { MIN_BUSY } from '../promql/signals.js';
import type { WindowPart } from '../promql/windows.js';
import type { RuleGroup } from '../rules/types.js';
import type { SignalSample, SignalTable, SignalTables } from './signals.js';

type Signals = RuleGroup['signals'];
type Rows = readonly SignalSample[];

const AT_REST: ReadonlySet<string | undefined> = new Set(['idle', 'sleep']);

/** Built-in signals from the rows of the settled window, as their expressions define them. */
const READ: Readonly<Record<string, (rows: Rows) => Rows>> = {
  cpu: (rows) =>
    states(rows)
      .filter(({ state }) => state === 'oncpu')
      .map(withoutState),
  blockio: (rows) => share(rows, 'disk'),
  wait: (rows) => share(rows, 'network'),
  lock: (rows) => share(rows, 'lock'),
  pods: (rows) => rows.filter(({ measure }) => measure === 'pods'),
  edges: (rows) => rows.filter(({ measure }) => measure === 'waited'),
};

/** The other signals of a group than `queriedSignals`. */
export function toldSignals(signals: Signals, settled: ReadonlyMap<WindowPart, SignalTable>): SignalTables {
  const tables = new Map<string, SignalTable>();
  for (const [name, { toldBy }] of Object.entries(signals)) {
    const rows = toldBy && settled.get(toldBy);
    const read = READ[name];
    if (rows && read) tables.set(name, { ...rows, samples: (workload) => read(rows.samples(workload)) });
  }
  return tables;
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

import { own } from '../../common/own.js';
import { isCountable } from '../../common/quantity.js';
import { getOrCompute, oncePer } from '../../common/once.js';
import type {
  Calls,
  Measures,
  OpaquePod,
  Requests,
  StateRates,
  ThreadState,
  Windows,
} from '../core/measures.js';
import { measuresOfAll } from '../core/opaque.js';
import { actable, isAbsent } from '../core/reading.js';
import type { Absent, WorkloadKey } from '../core/types.js';
import type { WindowPart } from '../promql/windows.js';
import type { RuleGroup } from '../rules/types.js';
import { peerOf, type Resolve } from './peers.js';
import {
  STALE,
  tabulate,
  type QueryResults,
  type SignalSample,
  type SignalTable,
  type WindowName,
} from './signals.js';

/** The values of one window, by workload. */
export interface WindowTable {
  /** Length of the window. */
  readonly seconds: number;
  /** Age from which it is not acted on, seconds. */
  readonly maxAge: number;
  readonly parts: ReadonlyMap<WindowPart, SignalTable>;
}

export interface WindowTables extends Readonly<Record<keyof Windows, WindowTable>> {
  /** Time against which the age of the data counts, seconds since the epoch. */
  readonly now: number;
}

/** Groups the results of a group's windows by workload. */
export function windowTables(
  { windows }: RuleGroup,
  { windows: results, evaluatedAt }: QueryResults,
  now: number,
): WindowTables {
  const table = (name: WindowName): WindowTable => {
    const { seconds, maxAge } = windows[name];
    return { seconds, maxAge, parts: tabulate(results[name], evaluatedAt) };
  };
  return { recent: table('recent'), settled: table('settled'), now };
}

/** States that decisions tell apart; the rest of the time is `other`. */
const STATES: Readonly<Record<string, ThreadState>> = Object.fromEntries(
  (['oncpu', 'runqueue', 'throttled', 'disk', 'network', 'lock', 'ipc', 'sleep', 'idle'] as const).map(
    (state) => [state, state],
  ),
);

/** Measures that exporters of the first release have, too. */
const FIRST_RELEASE = new Set(['states', 'pods', 'answered', 'served', 'waited', 'refused']);

/**
 * The windows of a workload, from the rows of `windowExpressions`.
 *
 * @returns undefined for a workload with none of the measures that exporters of the first release lack
 */
export function windowsOf(
  { recent, settled, now }: WindowTables,
  workload: WorkloadKey,
  resolve: Resolve | undefined,
): Windows | undefined {
  if (!mayBeMeasured(recent, workload) && !mayBeMeasured(settled, workload)) return undefined;
  const measures = measuresOf(settled, workload, resolve, now);
  return {
    recent: recent === settled ? measures : measuresOf(recent, workload, resolve, now),
    settled: measures,
  };
}

/** True where a query failed, too: what it would have returned is not known. */
function mayBeMeasured({ parts }: WindowTable, workload: WorkloadKey): boolean {
  return [...parts.values()].some((table) => table.absent !== undefined || hasNewMeasure(table, workload));
}

function hasNewMeasure({ measures, samples }: SignalTable, workload: WorkloadKey): boolean {
  if (measures && !hasNew(measures(workload))) return false;
  return samples(workload).some(({ measure = '' }) => !FIRST_RELEASE.has(measure));
}

/** Looked at once: measures of the past are the same set at every step of a chunk. */
const hasNew = oncePer((measures: ReadonlySet<string>) =>
  [...measures].some((measure) => !FIRST_RELEASE.has(measure)),
);

function measuresOf(
  { seconds, maxAge, parts }: WindowTable,
  workload: WorkloadKey,
  resolve: Resolve | undefined,
  now: number,
): Measures | Absent {
  for (const { absent } of parts.values()) if (absent) return absent;
  const rows = (part: WindowPart): readonly SignalSample[] => parts.get(part)?.samples(workload) ?? [];
  const timestamp = parts.get('threads')?.scrapedAt(workload) ?? STALE;
  if (typeof timestamp !== 'number') return timestamp;
  const age = actable({ value: 0, timestamp }, maxAge, now);
  if (isAbsent(age)) return age;
  const threads = rows('threads');
  const states = statesOf(threads, 'states');
  if (!states) return { absent: 'missing', text: `no pod has two scrapes in ${seconds} s` };
  if (isAbsent(states)) return states;
  const requests = requestsOf(rows('requests'), seconds);
  if (requests && isAbsent(requests)) return requests;
  const serving = statesOf(threads, 'serving');
  const { pods = 0, starved = NaN } = valuesOf(threads);
  const opaque = opaqueOf(threads);
  return measuresOfAll({
    window: seconds,
    timestamp,
    pods: isCountable(pods) ? pods : 0,
    ...(opaque.length > 0 && { opaque }),
    states,
    serving: serving && !isAbsent(serving) ? serving : undefined,
    // Its rate is extrapolated to the ends of the window.
    starved: isCountable(starved) ? Math.min(1, starved) : undefined,
    requests,
    calls: callsOf(rows('calls'), resolve),
  });
}

function opaqueOf(rows: readonly SignalSample[]): OpaquePod[] {
  const marked = rows.filter(({ measure }) => measure === 'opaque');
  return marked.map(({ pod = '', reason = '' }) => ({ pod, reason }));
}

/** Undefined where the states are not measured. */
function statesOf(rows: readonly SignalSample[], wanted: string): StateRates | Absent | undefined {
  const rates: Partial<Record<ThreadState, number>> = {};
  for (const { measure, state = '', value } of rows) {
    if (measure !== wanted) continue;
    if (!isCountable(value)) return { absent: 'nan', text: `time in state ${state} is ${value}` };
    const name = own(STATES, state) ?? 'other';
    rates[name] = (rates[name] ?? 0) + value;
  }
  return 'oncpu' in rates ? rates : undefined;
}

/** Undefined where requests are not counted. */
function requestsOf(rows: readonly SignalSample[], seconds: number): Requests | Absent | undefined {
  const values = valuesOf(rows);
  const { arrived } = values;
  if (arrived === undefined) return undefined;
  if (Number.isNaN(arrived)) return { absent: 'missing', text: `no rate of its requests over ${seconds} s` };
  const broken = rows.find(({ value }) => !isCountable(value));
  if (broken) return { absent: 'nan', text: `requests ${broken.measure} are ${broken.value}` };
  const { answered = 0, abandoned = 0, dropped = 0, inVain = 0, retried = 0 } = values;
  const { outstanding = 0, served = 0, thoughts = 0, thought = 0 } = values;
  return {
    ...{ arrived, answered, abandoned, dropped, inVain, retried, outstanding, served },
    thought: { requests: thoughts, seconds: thought },
  };
}

/** A peer with a value that is no quantity is left out. */
function callsOf(rows: readonly SignalSample[], resolve: Resolve | undefined): Calls[] {
  const byPeer = new Map<string, SignalSample[]>();
  for (const row of rows) getOrCompute(byPeer, row.peer, () => []).push(row);
  const sound = [...byPeer].filter(([, values]) => values.every(({ value }) => isCountable(value)));
  return sound.map(([peer, own]) => {
    const { sent = 0, answered = 0, waited = 0, outstanding = 0 } = valuesOf(own);
    const { abandoned = 0, ended = 0, refused = 0 } = valuesOf(own);
    const to = peerOf(peer, resolve);
    return { peer, to, sent, answered, waited, outstanding, abandoned, failed: ended + refused };
  });
}

/** Values by measure; rows of zeros are left out by the queries. */
function valuesOf(rows: readonly SignalSample[]): Readonly<Partial<Record<string, number>>> {
  return Object.fromEntries(rows.map(({ measure = '', value }) => [measure, value]));
}

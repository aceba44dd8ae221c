import type { Calls, Measures, Requests, StateRates } from '../measures.js';
import type { Peer } from '../types.js';

/** Answers in a window that are enough to speak of a usual request. */
const ENOUGH = 20;

/** The calls of a workload to one peer: a workload, however many addresses it has, or an address. */
export interface Link extends Omit<Calls, 'peer'> {
  /** A workload key, or `ip:port`. */
  readonly target: string;
}

/** Where the time of a workload's requests goes in one window; per request in seconds, rates per second. */
export interface Profile {
  readonly window: number;
  readonly pods: number;
  /** True if the answers are enough to speak of a usual request. */
  readonly enough: boolean;
  readonly arrived: number;
  readonly answered: number;
  /** Given up by clients, or hung up on. */
  readonly lost: number;
  readonly abandoned: number;
  readonly retried: number;
  readonly outstanding: number;
  /** Requests that come after a pause, and the sum of the pauses: clients that think. */
  readonly thought: { readonly requests: number; readonly seconds: number };
  /** Requests that times are divided by: answers, or half of the arrivals where answers stop. */
  readonly per: number;
  /** By Little's law, with the requests that are not answered yet. */
  readonly latency: number;
  /** Time for which a request holds a thread. */
  readonly held: number;
  /** Threads that serve. */
  readonly busy: number;
  /** CPU cores used: by all threads, and by those that serve no request, where these are known. */
  readonly used: number;
  readonly unserved: number | undefined;
  /** Share of wall time in which a pod has a thread that waits for a CPU, 0..1. */
  readonly starved: number;
  readonly parts: Readonly<Record<OwnPart, number>>;
  readonly links: readonly Link[];
}

/** Parts of a request that are the workload's own; `queue` is the wait for a thread. */
export type OwnPart = 'cpu' | 'disk' | 'lock' | 'other' | 'queue';

/** Reads a window as requests; undefined where requests are not measured. */
export function profileOf(measures: Measures): Profile | undefined {
  const { requests, states, serving, window, pods } = measures;
  if (!requests) return undefined;
  const { arrived, answered, abandoned, dropped, retried, outstanding, thought } = requests;
  const per = Math.max(answered, arrived / 2);
  const used = states.oncpu ?? 0;
  return {
    window,
    pods,
    enough: answered * window >= ENOUGH,
    arrived,
    answered,
    lost: abandoned + dropped,
    abandoned,
    retried,
    outstanding,
    thought,
    per,
    used,
    unserved: serving && Math.max(0, used - (serving.oncpu ?? 0)),
    starved: starvedOf(measures),
    ...timesOf(measures, requests, per),
  };
}

function timesOf(
  { states, serving, calls }: Measures,
  { answered, outstanding, served }: Requests,
  per: number,
): Pick<Profile, 'latency' | 'held' | 'busy' | 'parts' | 'links'> {
  const each = (rate: number): number => (per > 0 ? rate / per : 0);
  const { disk = 0, lock = 0 } = serving ?? states;
  const own = { cpu: each(runnableOf(states)), disk: each(disk), lock: each(lock) };
  const links = linksOf(calls);
  const peers = links.reduce((sum, link) => sum + each(link.outstanding), 0);
  const known = own.cpu + own.disk + own.lock + peers;
  const busy = serving ? busyOf(serving) : known * per;
  const held = serving ? each(busy) : known;
  const latency = Math.max(answered > 0 ? served / answered : 0, each(outstanding));
  const other = Math.max(0, held - known);
  const queue = Math.max(0, latency - Math.max(held, known));
  return { latency, held, busy, parts: { ...own, other, queue }, links };
}

/** On a CPU, waiting for one, or out of quota. */
function runnableOf({ oncpu = 0, runqueue = 0, throttled = 0 }: StateRates): number {
  return oncpu + runqueue + throttled;
}

/**
 * The share of wall time in which a pod is short of CPU. An exporter that does not measure it leaves the threads that
 * wait: at most all of the time.
 */
function starvedOf({ starved, states, pods }: Measures): number {
  if (starved !== undefined) return starved;
  const waiting = (states.runqueue ?? 0) + (states.throttled ?? 0);
  return pods > 0 ? Math.min(1, waiting / pods) : 0;
}

function busyOf(serving: StateRates): number {
  return Object.values(serving).reduce((sum: number, rate) => sum + rate, 0);
}

function linksOf(calls: readonly Calls[]): readonly Link[] {
  const links = new Map<string, Link>();
  for (const { peer, ...call } of calls) {
    const target = targetOf(peer, call.to);
    const known = links.get(target);
    links.set(target, known ? sumOf(known, call) : { ...call, target });
  }
  return [...links.values()];
}

function targetOf(peer: string, to: Peer): string {
  return to.type === 'workload' ? to.workload : peer;
}

function sumOf(a: Link, b: Omit<Calls, 'peer'>): Link {
  return {
    target: a.target,
    to: a.to,
    sent: a.sent + b.sent,
    answered: a.answered + b.answered,
    waited: a.waited + b.waited,
    outstanding: a.outstanding + b.outstanding,
    abandoned: a.abandoned + b.abandoned,
    failed: a.failed + b.failed,
  };
}

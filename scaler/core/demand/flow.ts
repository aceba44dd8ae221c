import { ratioOf, type Norm } from '../harm/usual.js';
import type { Link, Profile } from '../harm/profile.js';
import type { WorkloadKey } from '../types.js';

/** Calls per request must exceed the usual by this factor, and by chance, before they count as more. */
const MORE_CALLS = 1.15;
/** Part of the expected requests that a caller must get for its calls per request to mean anything. */
const EXPECTED = 0.8;
/** Share of the arrivals that callers must be short of before others count as callers. */
export const STRANGERS = 0.15;

/** A workload as load flows through it. */
export interface Station {
  readonly profile: Profile;
  readonly norm: Norm | undefined;
  readonly hasSigns: boolean;
  /** Arrivals per second that count: measured, or less where the rest may be retries. */
  readonly arrived: number;
  /** True if its arrivals come from callers that are not known, for long enough. */
  readonly hasStrangers: boolean;
}

interface Caller {
  readonly key: WorkloadKey;
  readonly link: Link;
}

/** Callers by workload. */
export type Callers = ReadonlyMap<WorkloadKey, readonly Caller[]>;

/** Finds who calls whom among the measured workloads. */
export function callersOf(profiles: Iterable<readonly [WorkloadKey, Profile]>): Callers {
  const callers = new Map<WorkloadKey, Caller[]>();
  for (const [key, { links }] of profiles) {
    for (const link of links) {
      if (link.to.type !== 'workload' || link.to.workload === key || link.sent === 0) continue;
      const known = callers.get(link.to.workload);
      if (known) known.push({ key, link });
      else callers.set(link.to.workload, [{ key, link }]);
    }
  }
  return callers;
}

/** Share of a workload's arrivals that no known caller sent, 0..1. */
export function outsideShare(arrived: number, callers: readonly Caller[] | undefined): number {
  if (!callers || arrived === 0) return 1;
  const sent = callers.reduce((sum, { link }) => sum + link.sent, 0);
  return Math.max(0, 1 - sent / arrived);
}

/**
 * Requests per second that each workload should expect: those that arrive at the entries, passed down by the usual
 * calls per request. So a step at an entry reaches the whole chain at once, and neither retries nor an outage in the
 * middle pass for a change of the load below.
 *
 * A workload without known callers, or with a caller whose usual is not known, expects what arrives.
 */
export function flow(
  stations: ReadonlyMap<WorkloadKey, Station>,
  callers: Callers,
): ReadonlyMap<WorkloadKey, number> {
  const loads = new Map<WorkloadKey, number>();
  const visiting = new Set<WorkloadKey>();
  const loadOf = (key: WorkloadKey): number => {
    const station = stations.get(key)!;
    const known = loads.get(key);
    if (known !== undefined) return known;
    // In a cycle, what arrives ends the recursion.
    if (visiting.has(key)) return station.arrived;
    visiting.add(key);
    const load = passedDown(key, station) ?? station.arrived;
    visiting.delete(key);
    loads.set(key, load);
    return load;
  };
  const passedDown = (key: WorkloadKey, { norm, arrived, hasStrangers }: Station): number | undefined => {
    const from = callers.get(key)?.filter((caller) => stations.has(caller.key));
    if (!from || from.length === 0 || !norm) return undefined;
    // A caller that is new was outside while the usual was learnt.
    const outside = outsideShare(arrived, from);
    let sum = (hasStrangers ? outside : Math.min(norm.outside, outside)) * arrived;
    for (const caller of from) {
      const load = loadOf(caller.key);
      const ratio = callsPerRequest(caller.link, stations.get(caller.key)!, load);
      if (ratio === undefined) return undefined;
      sum += load * ratio;
    }
    return sum;
  };
  for (const key of stations.keys()) loadOf(key);
  return loads;
}

/**
 * Requests that wait for each workload to catch up, beyond those that are usually under way: its own, or the calls that the
 * requests waiting at its callers have still to make. A chain of callers holds the same requests, so the most counts.
 */
export function waitingFor(
  stations: ReadonlyMap<WorkloadKey, Station>,
  callers: Callers,
  loads: ReadonlyMap<WorkloadKey, number>,
): ReadonlyMap<WorkloadKey, number> {
  const waiting = new Map<WorkloadKey, number>();
  const visiting = new Set<WorkloadKey>();
  const visit = (key: WorkloadKey): number => {
    const known = waiting.get(key);
    if (known !== undefined || visiting.has(key)) return known ?? 0;
    visiting.add(key);
    const { profile, norm } = stations.get(key)!;
    let most = Math.max(0, profile.outstanding - loads.get(key)! * (norm?.medianLatency ?? 0));
    for (const { key: from, link } of callers.get(key) ?? []) {
      const ratio = stations.get(from)?.norm?.peer(link.target)?.ratio;
      if (ratio !== undefined) most = Math.max(most, ratio * visit(from));
    }
    visiting.delete(key);
    waiting.set(key, most);
    return most;
  };
  for (const key of stations.keys()) visit(key);
  return waiting;
}

/**
 * The usual calls per request; those of now only if the caller is well, gets the requests that it should expect, and
 * they exceed the usual beyond chance.
 */
function callsPerRequest(link: Link, station: Station, load: number): number | undefined {
  const { profile, norm, hasSigns } = station;
  const usual = norm?.peer(link.target)?.ratio;
  if (usual === undefined) return undefined;
  const now = ratioOf(link, profile) ?? 0;
  const chance = 2 * Math.sqrt(usual / Math.max(1, profile.arrived * profile.window));
  const isMore = now > MORE_CALLS * usual + chance;
  const isWell = !hasSigns && link.failed === 0 && link.abandoned === 0;
  const isAsked = profile.enough && profile.arrived > EXPECTED * load;
  return isMore && isWell && isAsked ? now : usual;
}

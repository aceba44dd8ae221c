import { judge, type Verdict } from './culprit.js';
import { percent } from './format.js';
import { actable, isAbsent } from './reading.js';
import type {
  Candidate,
  Edge,
  Neighbourhood,
  Rule,
  WalkTrace,
  WorkloadKey,
  WorkloadSamples,
} from './types.js';

/** A peer with less of the waiting than this cannot be what holds the waiter up. */
const MIN_SHARE = 0.1;
/** Below this a trail is not followed: it bounds the work on graphs with many small edges. */
const MIN_TRAIL = 0.01;

export interface Waiter {
  readonly key: WorkloadKey;
  readonly rule: Rule;
  readonly samples: WorkloadSamples;
}

export interface Walk extends WalkTrace {
  /** Workloads that carry at least a tenth of the waiting, at any depth: those it waits on. */
  readonly waitedOn: readonly WorkloadKey[];
}

/** A peer as one hop of the walk reaches it. */
interface Arrival {
  readonly peer: string;
  readonly edge: Edge;
  readonly path: readonly string[];
  readonly share: number;
}

interface Trail {
  readonly path: readonly string[];
  readonly share: number;
  readonly edges: WorkloadSamples['edges'];
  /** Whose `maxAge` says how old an edge may be. */
  readonly rule: Rule;
}

/**
 * Walks from a waiter along its edges, hop by hop, to whatever explains the wait by its own signals.
 *
 * The waiting is shared out along the edges by how long is waited on each, so that a peer behind several others
 * collects what leads to it. A peer that itself waits is walked through; a peer is a candidate when it is
 * overloaded, held up by something of its own, or out of reach of any rule. The candidate with the largest share wins.
 */
export function walk(waiter: Waiter, neighbourhood: Neighbourhood, maxHops: number, now: number): Walk {
  const candidates = new Map<string, Candidate>();
  const rejected = new Map<string, Candidate>();
  const shares = new Map<WorkloadKey, number>();
  const { key, rule, samples } = waiter;
  let trails: Trail[] = [{ path: [key], share: 1, edges: samples.edges, rule }];
  for (let hop = 1; hop <= maxHops && trails.length > 0; hop++) {
    const next: Trail[] = [];
    for (const arrival of arrivals(trails, rejected, now)) {
      if (arrival.edge.to.type === 'workload') {
        shares.set(arrival.peer, (shares.get(arrival.peer) ?? 0) + arrival.share);
      }
      const verdict = judge(arrival.edge.to, rule, neighbourhood, now);
      const into = outcome(arrival, verdict, hop === maxHops);
      if (into === 'follow') next.push(...trailBehind(arrival, waiter, neighbourhood));
      else add(into.culprit ? candidates : rejected, into.candidate);
    }
    trails = next;
  }
  return conclude(key, candidates, rejected, shares);
}

/** What one hop reaches from all trails at once, a peer behind several of them only once. */
function arrivals(trails: readonly Trail[], rejected: Map<string, Candidate>, now: number): Arrival[] {
  const reached = new Map<string, Arrival>();
  for (const trail of trails) {
    for (const arrival of step(trail, rejected, now)) {
      const known = reached.get(arrival.peer);
      if (arrival.share < MIN_TRAIL && !known) continue;
      const heavier = known && known.share >= arrival.share ? known : arrival;
      reached.set(arrival.peer, { ...heavier, share: arrival.share + (known?.share ?? 0) });
    }
  }
  return [...reached.values()];
}

function step(trail: Trail, rejected: Map<string, Candidate>, now: number): Arrival[] {
  const waits = measuredWaits(trail, rejected, now);
  const total = waits.reduce((sum, { seconds }) => sum + seconds, 0);
  const found: Arrival[] = [];
  for (const { edge, seconds } of waits) {
    const peer = nameOf(edge);
    const path = [...trail.path, peer];
    const share = (trail.share * seconds) / total;
    if (trail.path.includes(peer)) {
      add(rejected, { peer, path, share, bound: 'cycle', why: 'it is on the path already' });
    } else found.push({ peer, edge, path, share });
  }
  return found;
}

function measuredWaits({ path, share, edges, rule }: Trail, rejected: Map<string, Candidate>, now: number) {
  const end = { peer: path.at(-1)!, path, share, bound: 'unknown' };
  if (isAbsent(edges)) {
    add(rejected, { ...end, why: `whom it waits on is not known: ${edges.text}` });
    return [];
  }
  const waits: { edge: Edge; seconds: number }[] = [];
  for (const edge of edges) {
    const wait = actable(edge.wait, rule.maxAge['edges'] ?? Infinity, now);
    if (isAbsent(wait)) {
      const peer = nameOf(edge);
      add(rejected, { peer, path: [...path, peer], share: 0, bound: 'unknown', why: wait.text });
    } else if (wait.value > 0) waits.push({ edge, seconds: wait.value });
  }
  if (waits.length === 0) add(rejected, { ...end, why: 'it waits, but on no peer that is measured' });
  return waits;
}

function nameOf(edge: Edge): string {
  return edge.to.type === 'workload' ? edge.to.workload : edge.peer;
}

type Outcome = 'follow' | { readonly culprit: boolean; readonly candidate: Candidate };

function outcome(arrival: Arrival, verdict: Verdict, lastHop: boolean): Outcome {
  const { peer, path, share } = arrival;
  const { bound, why } = verdict;
  if (verdict.kind !== 'waits') {
    return { culprit: verdict.kind === 'culprit', candidate: { peer, path, share, bound, why } };
  }
  if (!lastHop) return 'follow';
  const limit = `${why}, and the walk ends after ${path.length - 1} hops (maxHops)`;
  return { culprit: false, candidate: { peer, path, share, bound, why: limit } };
}

function trailBehind({ edge, path, share }: Arrival, waiter: Waiter, neighbourhood: Neighbourhood): Trail[] {
  const neighbour = edge.to.type === 'workload' ? neighbourhood.get(edge.to.workload) : undefined;
  if (!neighbour) return [];
  return [{ path, share, edges: neighbour.samples.edges, rule: neighbour.rule ?? waiter.rule }];
}

/** Adds up the shares of a peer that is met on several ways; its path is that of the largest one. */
function add(into: Map<string, Candidate>, candidate: Candidate): void {
  const known = into.get(candidate.peer);
  const heavier = known && known.share >= candidate.share ? known : candidate;
  into.set(candidate.peer, { ...heavier, share: candidate.share + (known?.share ?? 0) });
}

function conclude(
  start: WorkloadKey,
  candidates: ReadonlyMap<string, Candidate>,
  rejected: ReadonlyMap<string, Candidate>,
  shares: ReadonlyMap<WorkloadKey, number>,
): Walk {
  const [best, ...others] = [...candidates.values()].sort(byShare);
  const culprit = best && best.share >= MIN_SHARE ? best : undefined;
  const outranked = (culprit ? others : [...candidates.values()]).map((candidate) => ({
    ...candidate,
    why: `${candidate.why}, but only ${percent(candidate.share)} of the waiting leads to it`,
  }));
  const passedOver = [...outranked, ...rejected.values()].sort(byShare);
  return {
    path: culprit?.path ?? passedOver[0]?.path ?? [start],
    ...(culprit ? { culprit } : {}),
    confidence: culprit?.share ?? 0,
    rejected: passedOver,
    waitedOn: [...shares].filter(([key, share]) => share >= MIN_SHARE && key !== start).map(([key]) => key),
  };
}

function byShare(a: Candidate, b: Candidate): number {
  return b.share - a.share || (a.peer < b.peer ? -1 : 1);
}

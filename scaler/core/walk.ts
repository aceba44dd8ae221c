import type { PeerAssessment } from './assess-peer.js';
import type { Candidate, WalkTrace } from './decision.js';
import { maxEdgeAge, waitsOn, type Dependencies, type Waits } from './dependencies.js';
import { amount, count, percent } from './format.js';
import { isAbsent } from './reading.js';
import type { Samples } from './round.js';
import type { Absent, Peer, Rule, WorkloadKey } from './types.js';

/** A peer with a smaller share of the waiting than this is not a bottleneck. */
const MIN_SHARE = 0.1;
/** Trails of a smaller share are not followed: it bounds the work on graphs with many small edges. */
const MIN_TRAIL = 0.01;
/** A peer explains the waiting on it with at least this many cores of demand per second per second of waiting. */
const MIN_WORK = 0.5;

export interface Waiter {
  readonly key: WorkloadKey;
  readonly rule: Rule;
  readonly samples: Samples;
}

export interface Walk extends WalkTrace {
  /** Workloads with at least a tenth of the waiting, at any depth, or silent ones: those that the waiter waits on. */
  readonly waitedOn: readonly WorkloadKey[];
}

/** A peer as one hop of the walk reaches it. */
interface Arrival {
  readonly peer: string;
  readonly to: Peer;
  /** By the trail with the largest share. */
  path: readonly string[];
  largest: number;
  share: number;
  /** Seconds per second waited on it along all trails. */
  seconds: number;
}

interface Trail {
  readonly path: readonly string[];
  readonly share: number;
  readonly waits: Waits | Absent;
}

/** Findings so far. */
interface Findings {
  readonly candidates: Map<string, Candidate>;
  readonly rejected: Map<string, Candidate>;
  readonly shares: Map<WorkloadKey, number>;
  readonly silent: Set<string>;
  /** Share of the waiting that leads to peers whose own work explains it. */
  explained: number;
}

/**
 * Walks from a waiter along its edges, hop by hop, to the peers that explain the wait by their own signals.
 *
 * The waiting is distributed over the edges in proportion to the time waited on each, so that a peer behind several
 * others collects all that leads to it. A peer that itself waits is walked through; a peer is a candidate when it is
 * overloaded, bound by a resource of its own, or scaled by no rule. The candidate with the largest share is the
 * bottleneck.
 */
export function walk(waiter: Waiter, dependencies: Dependencies, maxHops: number): Walk {
  const { key, rule, samples } = waiter;
  const findings: Findings = {
    candidates: new Map(),
    rejected: new Map(),
    shares: new Map(),
    silent: new Set(),
    explained: 0,
  };
  const waits = waitsOn(samples.edges, maxEdgeAge(rule), dependencies.now);
  let trails: readonly Trail[] = [{ path: [key], share: 1, waits }];
  for (let hop = 1; hop <= maxHops && trails.length > 0; hop++) {
    const next: Trail[] = [];
    for (const arrival of arrivals(trails, findings)) {
      const assessment = dependencies.assessmentOf(arrival.to, rule);
      const behind =
        assessment.kind === 'waits' && hop < maxHops ? dependencies.waitsOf(arrival.peer, rule) : undefined;
      if (behind) next.push({ path: arrival.path, share: arrival.share, waits: behind });
      else addFinding(arrival, assessment, dependencies, findings);
    }
    trails = next;
  }
  return weigh(key, findings);
}

/** Peers that one hop reaches from all trails at once, a peer behind several of them only once. */
function arrivals(trails: readonly Trail[], findings: Findings): Iterable<Arrival> {
  const reached = new Map<string, Arrival>();
  for (const trail of trails) {
    const { waits, path } = trail;
    noteUnmeasured(trail, findings);
    if (isAbsent(waits)) continue;
    for (const { peer, to, seconds } of waits.measured) {
      const share = (trail.share * seconds) / waits.total;
      const known = reached.get(peer);
      if (share < MIN_TRAIL && !known) continue;
      if (path.includes(peer)) {
        const why = 'is already on the path';
        add(findings.rejected, { peer, path: [...path, peer], share, class: 'cycle', why });
      } else if (!known) {
        reached.set(peer, { peer, to, path: [...path, peer], largest: share, share, seconds });
      } else {
        if (share > known.largest) Object.assign(known, { path: [...path, peer], largest: share });
        known.share += share;
        known.seconds += seconds;
      }
    }
  }
  for (const { peer, to, share } of reached.values()) {
    if (to.type === 'workload') findings.shares.set(peer, (findings.shares.get(peer) ?? 0) + share);
  }
  return reached.values();
}

function noteUnmeasured({ path, share, waits }: Trail, { rejected, shares, silent }: Findings): void {
  const end = { peer: path.at(-1)!, path, share, class: 'unknown' };
  if (isAbsent(waits)) {
    add(rejected, { ...end, why: `has no edge data (${waits.text})` });
    return;
  }
  for (const { peer, text } of waits.unknown) {
    add(rejected, {
      peer,
      path: [...path, peer],
      share: 0,
      class: 'unknown',
      why: `has no usable wait (${text})`,
    });
  }
  for (const { peer, to } of waits.silent) {
    if (path.includes(peer)) continue;
    silent.add(peer);
    if (to.type === 'workload') shares.set(peer, Math.max(MIN_SHARE, shares.get(peer) ?? 0));
    const why = 'sent no response lately: it is idle or hangs';
    add(rejected, { peer, path: [...path, peer], share: 0, class: 'unknown', why });
  }
  if (waits.measured.length === 0) {
    add(rejected, { ...end, why: 'has no measured peer' });
  }
}

function addFinding(
  arrival: Arrival,
  assessment: PeerAssessment,
  dependencies: Dependencies,
  findings: Findings,
): void {
  const { peer, path, share, seconds } = arrival;
  const { kind, class: workloadClass, why, cores = 0 } = assessment;
  if (kind === 'bottleneck') {
    add(findings.candidates, { peer, path, share, class: workloadClass, why });
  } else if (kind === 'waits') {
    const limit = `${why}, and the walk stops after ${count(path.length - 1, 'hop')} (maxHops)`;
    add(findings.rejected, { peer, path, share, class: workloadClass, why: limit });
  } else if (cores >= MIN_WORK * Math.max(seconds, dependencies.waitedOn(peer)) && workloadClass === 'none') {
    findings.explained += share;
    const work = `${why} and its work of ${amount('cpu', cores)} accounts for the wait`;
    add(findings.rejected, { peer, path, share, class: workloadClass, why: work });
  } else add(findings.rejected, { peer, path, share, class: workloadClass, why });
}

/** Sums the shares of a peer that several trails reach; its path is that of the largest one. */
function add(into: Map<string, Candidate>, candidate: Candidate): void {
  const known = into.get(candidate.peer);
  const heavier = known && known.share >= candidate.share ? known : candidate;
  into.set(candidate.peer, { ...heavier, share: candidate.share + (known?.share ?? 0) });
}

/** Chooses the candidate with the largest share, if it is large enough. */
function weigh(start: WorkloadKey, findings: Findings): Walk {
  const { candidates, rejected, shares, silent } = findings;
  const [best, ...others] = [...candidates.values()].sort(byShare);
  const bottleneck = best && best.share >= MIN_SHARE ? best : undefined;
  const outranked = (bottleneck ? others : [...candidates.values()]).map((candidate) => ({
    ...candidate,
    why: `${candidate.why}, but only ${percent(candidate.share)} of the wait leads to it`,
  }));
  const passedOver = [...outranked, ...rejected.values()].sort(byShare);
  return {
    path: bottleneck?.path ?? passedOver[0]?.path ?? [start],
    ...(bottleneck ? { bottleneck } : {}),
    confidence: bottleneck?.share ?? 0,
    explained: !bottleneck && silent.size === 0 && findings.explained >= 1 - MIN_SHARE,
    rejected: passedOver,
    waitedOn: [...shares].filter(([key, share]) => share >= MIN_SHARE && key !== start).map(([key]) => key),
  };
}

function byShare(a: Candidate, b: Candidate): number {
  return b.share - a.share || (a.peer < b.peer ? -1 : 1);
}

import type { Candidate, Sign } from '../decision.js';
import { count, milliseconds, nameOf, times } from '../format.js';
import type { Peer, WorkloadKey } from '../types.js';
import { causeOf, isSlowerThanUsual, partsOf, type Cause } from './cause.js';
import type { Link, Profile } from './profile.js';
import { waitOf, type Norm } from './usual.js';

/** A peer whose latency is under this many times its usual one is at its usual pace. */
const SLOWER = 1.5;
/** Without a usual to compare with, a peer explains the wait on it with this share of its own latency. */
const EXPLAINED = 0.5;

/** A workload as a walk meets it. */
export interface Suspect {
  readonly profile: Profile;
  readonly norm: Norm | undefined;
  readonly signs: readonly Sign[];
  readonly isShort: boolean;
}

/** Where a walk ends: in a workload's own resource, at a peer that cannot be scaled, or between the two. */
export type End = 'self' | 'outside' | 'unresolved' | 'unmeasured' | 'refuses' | 'edge' | 'hops' | 'cycle';

/** The end of the walk from a harmed workload. */
export interface Blame {
  /** From the harmed workload to the end of the walk. */
  readonly path: readonly string[];
  readonly end: End;
  /** Cause at the end of the path; a part of its own if `end` is `self`. */
  readonly cause: Cause;
  /** A predicate, whose subject is the last of the path. */
  readonly why: string;
  /** Peers at their usual pace. */
  readonly cleared: readonly Candidate[];
}

/**
 * Walks from a harmed workload along the peers that are slower than usual, silent or refusing, to what is itself the
 * cause.
 *
 * @param suspects every workload whose requests are measured
 */
export function blame(key: WorkloadKey, suspects: ReadonlyMap<WorkloadKey, Suspect>, maxHops: number): Blame {
  const path: string[] = [key];
  const cleared: Candidate[] = [];
  let at = suspects.get(key)!;
  for (;;) {
    const cause = failingPeer(at, suspects) ?? causeOf(at.profile, at.norm, at.isShort);
    cleared.push(...clearedPeers(at, cause, path));
    const { link } = cause;
    const ended = (end: End, why: string): Blame => ({ path, end, cause, why, cleared });
    if (!link) return ended('self', describeOwn(cause, at));
    if (path.includes(link.target)) return ended('cycle', `waits in a cycle, for ${nameOf(link.target)}`);
    path.push(link.target);
    if (cause.how === 'refuses')
      return ended('refuses', 'refuses connections or ends them without a response');
    const known = suspects.get(link.target);
    if (!known) return ended(...outside(link.to, describeLink(link, at)));
    if (cause.how !== 'fails' && isWell(known, link)) {
      const why = `is at its usual pace, so the time is lost on the way to it: connections or network`;
      return ended('edge', why);
    }
    if (path.length > maxHops)
      return ended('hops', `is slow, and the walk ends after ${count(maxHops, 'hop')} (maxHops)`);
    at = known;
  }
}

/**
 * What only fails fast has no excess: the cause is a peer that fails, too, or one above it. An error that a caller passes
 * on may cost that caller too much of the usual to be a sign of its own.
 */
function failingPeer(
  { profile, signs }: Suspect,
  suspects: ReadonlyMap<WorkloadKey, Suspect>,
): Cause | undefined {
  if (signs.some(({ kind }) => kind !== 'collapse')) return undefined;
  const seen = new Set<WorkloadKey>();
  const fails = ({ target }: Link): boolean => {
    const peer = suspects.get(target);
    if (!peer || seen.has(target)) return false;
    seen.add(target);
    return peer.signs.some(({ kind }) => kind === 'peerFails') || peer.profile.links.some(fails);
  };
  const link = profile.links.find(fails);
  return link && { name: link.target, excess: 0, link, how: 'fails' };
}

/** The cause if it is the harmed workload's own; undefined where it lies with a peer. */
export function ownCauseOf({ end, path, cause }: Blame): string | undefined {
  return end === 'self' && path.length === 1 ? cause.name : undefined;
}

function outside(to: Peer, how: string): [End, string] {
  if (to.type === 'external') return ['outside', `${how} (it is outside the cluster)`];
  if (to.type === 'unresolved') return ['unresolved', `${how} (it ${to.text})`];
  return ['unmeasured', `${how} (its requests are not measured)`];
}

/** True if a peer answers at its usual pace; without a usual, if its latency is no part of the wait on it. */
function isWell({ profile, norm, signs }: Suspect, link: Link): boolean {
  const { latency, answered, outstanding } = profile;
  if (signs.length > 0 || (answered === 0 && outstanding > 0)) return false;
  return norm ? latency <= SLOWER * norm.medianLatency : latency < EXPLAINED * waitOf(link);
}

function describeOwn({ name }: Cause, { profile, norm }: Suspect): string {
  const part = partsOf(profile, norm).find((it) => it.name === name)!;
  const usual = part.usual === undefined ? '' : ` (usually ${milliseconds(part.usual)})`;
  return `spends ${milliseconds(part.now)} of each request on ${OWN[name] ?? name}${usual}`;
}

const OWN: Readonly<Record<string, string>> = {
  cpu: 'its CPU',
  disk: 'its disk',
  lock: 'a lock',
  other: 'something of its own',
  queue: 'waiting for a thread',
};

function describeLink(link: Link, { norm }: Suspect): string {
  const usual = norm?.peer(link.target)?.wait;
  if (link.answered === 0) return 'does not respond';
  const now = waitOf(link);
  return usual ? `is ${times(now / usual)} as slow as usual` : `takes ${milliseconds(now)} per call`;
}

/** Peers that are no slower than usual. */
function clearedPeers({ profile, norm }: Suspect, cause: Cause, path: readonly string[]): Candidate[] {
  return profile.links
    .filter((link) => link.target !== cause.name && isSlowerThanUsual(link, norm) === false)
    .map(({ target }) => ({
      peer: target,
      path: [...path, target],
      share: 0,
      class: 'none',
      why: 'is at its usual pace',
    }));
}

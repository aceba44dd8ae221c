import { own } from '../../../common/own.js';
import { getOrCompute } from '../../../common/once.js';
import { addValue, EMPTY_DIGEST, quantile, type Digest } from './digest.js';
import type { Link, OwnPart, Profile } from './profile.js';

/** Rounds after which the usual is known. */
export const KNOWN_AFTER = 12;
/** Quantile of what harm is held against: a busy hour is usual, too. */
const HIGH = 0.9;
/** Share of arrivals from outside the graph below which there are none. */
const LEAST_OUTSIDE = 0.1;
/** CPU that no serving thread accounts for is background from this share on: Go moves requests between threads. */
const BACKGROUND_SHARE = 0.4;
/** Relative spread of the load that a line through the CPU used needs. */
const LEAST_SPREAD = 0.2;
const DECAY_PER_ROUND = 0.999;

/** What is usual for a workload's requests, learnt from quiet rounds. Plain JSON. */
export interface Usual {
  /** Pod template that it belongs to. */
  readonly template?: string | undefined;
  readonly rounds: number;
  /** Time of the last round learnt, seconds since the epoch. */
  readonly at: number;
  readonly latency: Digest;
  readonly held: Digest;
  /** CPU seconds per request, without what the background uses. */
  readonly cost: Digest;
  readonly parts: Readonly<Record<Exclude<OwnPart, 'queue'>, Digest>>;
  /** Answers per second and pod. */
  readonly perPod: Digest;
  /** Share of the arrivals that no known caller sent. */
  readonly outside: Digest;
  /** Most busy threads of a pod, the mean of its pods. */
  readonly threads: number;
  /** CPU of a pod's threads that serve nothing, cores. */
  readonly unserved: Digest;
  /** Sums for the line through CPU used by answers, both per pod. */
  readonly line: {
    readonly n: number;
    readonly x: number;
    readonly y: number;
    readonly xx: number;
    readonly xy: number;
  };
  readonly peers: Readonly<Record<string, UsualPeer>>;
}

export interface UsualPeer {
  /** Calls per request. */
  readonly ratio: Digest;
  /** Seconds per call. */
  readonly wait: Digest;
}

export const NOTHING_USUAL: Usual = {
  rounds: 0,
  at: 0,
  latency: EMPTY_DIGEST,
  held: EMPTY_DIGEST,
  cost: EMPTY_DIGEST,
  parts: { cpu: EMPTY_DIGEST, disk: EMPTY_DIGEST, lock: EMPTY_DIGEST, other: EMPTY_DIGEST },
  perPod: EMPTY_DIGEST,
  outside: EMPTY_DIGEST,
  threads: 0,
  unserved: EMPTY_DIGEST,
  line: { n: 0, x: 0, y: 0, xx: 0, xy: 0 },
  peers: {},
};

/** The figures of a known usual that the decision reads. */
export interface Norm {
  /** Mean latency that harm is held against, and the median. */
  readonly latency: number;
  readonly medianLatency: number;
  readonly held: number;
  readonly cost: number;
  readonly parts: Readonly<Record<Exclude<OwnPart, 'queue'>, number>>;
  /** Answers per second and pod that are nothing special. */
  readonly perPod: number;
  /** 0..1 */
  readonly outside: number;
  readonly threads: number;
  /** CPU that each pod uses beside its requests, cores. */
  readonly background: number;
  readonly peer: (target: string) => PeerNorm | undefined;
}

/** Calls per request, and seconds per call that harm is held against. */
interface PeerNorm {
  readonly ratio: number;
  readonly wait: number;
}

const norms = new WeakMap<Usual, Norm>();

/** The figures of what is usual; undefined until enough rounds are learnt. */
export function normOf(usual: Usual | undefined): Norm | undefined {
  if (!usual || usual.rounds < KNOWN_AFTER) return undefined;
  let norm = norms.get(usual);
  if (!norm) norms.set(usual, (norm = readNorm(usual)));
  return norm;
}

/**
 * CPU seconds per request in the quiet rounds so far, before they are enough to know what is usual; undefined without
 * any. A first overload inflates what a request seems to cost without bound: it uses CPU for requests that it does not
 * answer yet.
 */
export function firstCostOf({ cost }: Usual): number | undefined {
  return quantile(cost, 0.5);
}

function readNorm(usual: Usual): Norm {
  const high = (digest: Digest): number => quantile(digest, HIGH) ?? 0;
  const median = (digest: Digest): number => quantile(digest, 0.5) ?? 0;
  const { cpu, disk, lock, other } = usual.parts;
  const outside = median(usual.outside);
  const peers = new Map<string, PeerNorm | undefined>();
  return {
    latency: high(usual.latency),
    medianLatency: median(usual.latency),
    held: median(usual.held),
    cost: median(usual.cost),
    parts: { cpu: high(cpu), disk: high(disk), lock: high(lock), other: high(other) },
    perPod: quantile(usual.perPod, 0.75) ?? 0,
    outside: outside < LEAST_OUTSIDE ? 0 : outside,
    threads: usual.threads,
    background: backgroundIn(usual),
    // A round asks for the same peer several times.
    peer: (target) => getOrCompute(peers, target, () => readPeer(usual, target)),
  };
}

function readPeer({ peers }: Usual, target: string): PeerNorm | undefined {
  const peer = own(peers, target);
  return peer && { ratio: quantile(peer.ratio, 0.5) ?? 0, wait: quantile(peer.wait, HIGH) ?? 0 };
}

/**
 * CPU that a pod uses beside its requests, cores: as usual, or, until that is known, by the threads that serve none. Of
 * pods that are starting these say nothing.
 */
export function backgroundOf(
  norm: Norm | undefined,
  { unserved = 0, used, pods }: Profile,
  isComplete: boolean,
): number {
  if (norm) return norm.background;
  return isComplete && pods > 0 && unserved > BACKGROUND_SHARE * used ? unserved / pods : 0;
}

/** By the line through the past, or, where the load was too even, by the threads that serve nothing. */
function backgroundIn({ line, unserved }: Usual): number {
  const usual = quantile(unserved, 0.5) ?? 0;
  return interceptOf(line) ?? (line.n > 0 && usual > BACKGROUND_SHARE * (line.y / line.n) ? usual : 0);
}

/** Where the line meets no requests at all; undefined where the load was too even to tell. */
function interceptOf({ n, x, y, xx, xy }: Usual['line']): number | undefined {
  if (n < KNOWN_AFTER || x === 0) return undefined;
  const mean = x / n;
  const variance = xx / n - mean ** 2;
  if (variance < (LEAST_SPREAD * mean) ** 2) return undefined;
  const slope = (xy / n - (mean * y) / n) / variance;
  return Math.max(0, y / n - Math.max(0, slope) * mean);
}

/** CPU seconds per request, less what the background uses. */
export function costOf({ used, answered, pods }: Profile, background: number): number | undefined {
  return answered > 0 ? Math.max(0, used - background * pods) / answered : undefined;
}

/** Calls per request. */
export function ratioOf(link: Link, { arrived, answered }: Profile): number | undefined {
  const requests = Math.max(arrived, answered);
  return requests > 0 ? link.sent / requests : undefined;
}

/** Seconds per call, with those that are not answered yet. */
export function waitOf({ outstanding, waited, answered, sent }: Link): number {
  const per = Math.max(answered, sent / 2);
  return per > 0 ? Math.max(outstanding, waited) / per : 0;
}

/**
 * Adds a quiet round to what is usual.
 *
 * @param outside share of the arrivals that no known caller sent, 0..1
 */
export function learn(
  usual: Usual,
  profile: Profile,
  outside: number,
  template: string | undefined,
  now: number,
): Usual {
  const add = (digest: Digest, value: number): Digest => addValue(digest, value, now);
  const { pods, answered, used, busy, parts } = profile;
  const peers: Record<string, UsualPeer> = { ...usual.peers };
  for (const link of profile.links) {
    const { ratio, wait } = own(peers, link.target) ?? { ratio: EMPTY_DIGEST, wait: EMPTY_DIGEST };
    const isCalled = link.answered > 0;
    peers[link.target] = {
      ratio: add(ratio, ratioOf(link, profile) ?? 0),
      wait: isCalled ? add(wait, waitOf(link)) : wait,
    };
  }
  return {
    ...(template !== undefined && { template }),
    rounds: usual.rounds + 1,
    at: now,
    latency: add(usual.latency, profile.latency),
    held: add(usual.held, profile.held),
    cost: add(usual.cost, costOf(profile, backgroundIn(usual)) ?? 0),
    parts: {
      cpu: add(usual.parts.cpu, parts.cpu),
      disk: add(usual.parts.disk, parts.disk),
      lock: add(usual.parts.lock, parts.lock),
      other: add(usual.parts.other, parts.other),
    },
    perPod: add(usual.perPod, answered / pods),
    outside: add(usual.outside, outside),
    threads: Math.max(usual.threads, busy / pods),
    unserved: add(usual.unserved, (profile.unserved ?? 0) / pods),
    line: drawn(usual.line, answered / pods, used / pods),
    peers,
  };
}

function drawn({ n, x, y, xx, xy }: Usual['line'], load: number, cores: number): Usual['line'] {
  const keep = DECAY_PER_ROUND;
  return {
    n: n * keep + 1,
    x: x * keep + load,
    y: y * keep + cores,
    xx: xx * keep + load * load,
    xy: xy * keep + load * cores,
  };
}

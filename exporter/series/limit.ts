import {
  CONTAINER_HISTOGRAMS,
  CONTAINER_SCALARS,
  type BlockIoCounters,
  type BlockOp,
  type ContainerCounters,
  type ContainerHistogram,
  type ContainerScalar,
  type PeerCounters,
} from 'bpf-linker-napi';
import { NOTHING } from '../exposition/format.js';
import { seriesKey } from '../identity/source.js';
import { addEntries, peerSince, waitSince, type ContainerSeries } from './counters.js';
import { DESCRIPTORS } from './descriptors.js';
import { isUnused } from './families.js';
import type { Descriptor } from './descriptor.js';

/** Lines of one container without `--histograms.detail`. */
export const MAX_LINES = 128;

const BLOCKIO_LINES = entryLines('blockIo');
const PEER_LINES = entryLines('peers');
/** Lines of every container. */
const ALWAYS = sumOver((descriptor) => ('onlyWith' in descriptor ? 0 : valueLines(descriptor)));
const RARE_STATES = DESCRIPTORS.flatMap((descriptor) =>
  'rare' in descriptor ? (descriptor.rare ?? []) : [],
);
/** Lines that a counter or histogram adds with its first event, its own and those of what is only exported with it. */
const OBSERVED = [...CONTAINER_HISTOGRAMS, ...CONTAINER_SCALARS]
  .map((name) => ({ name, lines: sumOver((descriptor) => observedLines(descriptor, name)) }))
  .filter(({ lines }) => lines > 0);

/** Block requests of other operations have no line; the time that threads wait for them is in the states. */
const KEPT_OPS: readonly BlockOp[] = ['read', 'write'];
/** Containers between two turns of other work. */
const BATCH = 64;

const ALL_DEVICES = 'all';
/** Peers that are folded. The kernel folds those beyond its own bound under the same name. */
const OTHER = 'other';
/** Age at which a wait counts half as much, so that a new bottleneck soon outranks an old one. */
const HALF_LIFE_SECONDS = 300;
/** A folded peer must have this many times the wait of a named one to replace it, so that names are stable. */
const INCUMBENT = 2;

/**
 * Limits each container to `MAX_LINES`: what the descriptors keep, reads and writes, and as many peers as fit. What is
 * left out is still in `kernscale_state_seconds_total` or in the peer `other`.
 */
export class SeriesLimiter {
  #peers = new Map<string, PeerLimiter>();

  /**
   * Yields nothing now and then to give other work of the process its turn, and returns the limited series.
   *
   * @param now seconds on a monotonic clock
   */
  *limit(series: readonly ContainerSeries[], now: number): Generator<Uint8Array, ContainerSeries[]> {
    const kept = new Map<string, PeerLimiter>();
    const limited: ContainerSeries[] = [];
    for (const one of series) {
      limited.push(one.identity.isRestOfPod ? one : this.#limitOne(one, kept, now));
      if (limited.length % BATCH === 0) yield NOTHING;
    }
    this.#peers = kept;
    return limited;
  }

  #limitOne(series: ContainerSeries, kept: Map<string, PeerLimiter>, now: number): ContainerSeries {
    const { identity, counters } = series;
    const key = seriesKey(identity);
    const peers = this.#peers.get(key) ?? (counters.peers.length === 0 ? undefined : new PeerLimiter());
    if (peers) kept.set(key, peers);
    const room = MAX_LINES - (series.starvedSeconds === undefined ? 0 : 1);
    return { ...series, counters: limitCounters(counters, peers, room, now) };
  }
}

function limitCounters(
  counters: ContainerCounters,
  peers: PeerLimiter | undefined,
  room: number,
  now: number,
): ContainerCounters {
  // Not spread: a snapshot's counters are decoded on access.
  const { slot, stateSeconds, servingSeconds, starvedSeconds, scalars, histograms } = counters;
  const blockIo = limitDevices(counters.blockIo);
  let lines = ALWAYS + blockIo.length * BLOCKIO_LINES;
  for (const state of RARE_STATES) if (stateSeconds[state] !== 0) lines++;
  for (const observed of OBSERVED) if (!isUnused(counters, observed.name)) lines += observed.lines;
  const rows = Math.floor((room - lines) / PEER_LINES);
  return {
    slot,
    stateSeconds,
    servingSeconds,
    starvedSeconds,
    scalars,
    histograms,
    blockIo,
    peers: peers?.limit(counters.peers, rows, now) ?? [],
  };
}

function sumOver(lines: (descriptor: Descriptor) => number): number {
  return DESCRIPTORS.reduce((sum, descriptor) => sum + lines(descriptor), 0);
}

/** Lines of a container that do not depend on observations. */
function valueLines(descriptor: Descriptor): number {
  if (descriptor.of === 'identity') return 1;
  if (descriptor.of === 'pod' || descriptor.of === 'opaque') return 0; // only a pod has it, or little else
  if (descriptor.type === 'histogram' || !('series' in descriptor)) return 0;
  const rare = 'rare' in descriptor ? descriptor.rare.length : 0;
  return (descriptor.kept ?? Object.keys(descriptor.series)).length - rare;
}

function observedLines(descriptor: Descriptor, name: ContainerHistogram | ContainerScalar): number {
  if (!('series' in descriptor)) return 0;
  if (descriptor.type !== 'histogram') return descriptor.onlyWith === name ? valueLines(descriptor) : 0;
  const kept: readonly string[] = descriptor.kept ?? Object.keys(descriptor.series);
  return name in descriptor.series && kept.includes(name) ? linesOf(descriptor) : 0;
}

/** Lines of an entry in which everything is observed. */
function entryLines(of: 'blockIo' | 'peers'): number {
  return sumOver((descriptor) => (descriptor.of === of && !descriptor.kept ? linesOf(descriptor) : 0));
}

/** Lines of one series: a classic histogram has +Inf, sum and count besides its finite bounds. */
function linesOf(descriptor: Descriptor): number {
  return descriptor.type === 'histogram' ? descriptor.coarse.length + 3 : 1;
}

/** Keeps the device of a container that uses one, as most do; adds up those of a container that uses several. */
function limitDevices(all: readonly BlockIoCounters[]): readonly BlockIoCounters[] {
  const limited: BlockIoCounters[] = [];
  for (const op of KEPT_OPS) {
    let kept: BlockIoCounters | undefined;
    for (const io of all) {
      if (io.op === op) kept = kept === undefined ? io : { ...addEntries(kept, io), device: ALL_DEVICES };
    }
    if (kept !== undefined) limited.push(kept);
  }
  return limited;
}

/**
 * Names the peers that one container has lately waited longest for, and folds the rest as `other`. Peers change places,
 * but no counter decreases: `other` grows with its peers while they have no name, and a peer that gets a name starts a
 * series with its whole history.
 */
export class PeerLimiter {
  #last = new Map<string, PeerCounters>();
  #scores = new Map<string, number>();
  #named = new Set<string>();
  #other: PeerCounters | undefined;
  #at = 0;

  /**
   * @param rows bound on the rows, `other` included: at least two
   * @param now seconds on a monotonic clock
   */
  limit(peers: readonly PeerCounters[], rows: number, now: number): PeerCounters[] {
    this.#score(peers, now);
    const folds =
      this.#other !== undefined || peers.length > rows || peers.some(({ peer }) => peer === OTHER);
    const named = folds ? this.#ranked(peers).slice(0, rows - 1) : peers;
    this.#named = new Set(named.map(({ peer }) => peer));
    const last = this.#last;
    this.#last = new Map();
    let outstanding = 0;
    for (const one of peers) {
      this.#last.set(one.peer, one);
      if (this.#named.has(one.peer)) continue;
      const grown = peerSince(one, last.get(one.peer));
      this.#other = { ...(this.#other ? addEntries(this.#other, grown) : grown), peer: OTHER };
      outstanding += one.scalars.sent_outstanding;
    }
    if (this.#other === undefined) return [...named];
    return [...named, { ...this.#other, scalars: { ...this.#other.scalars, sent_outstanding: outstanding } }];
  }

  #score(peers: readonly PeerCounters[], now: number): void {
    const decay = 2 ** ((this.#at - now) / HALF_LIFE_SECONDS);
    const scores = new Map<string, number>();
    for (const one of peers) {
      const waited = waitSince(one, this.#last.get(one.peer));
      scores.set(one.peer, (this.#scores.get(one.peer) ?? 0) * decay + waited);
    }
    this.#scores = scores;
    this.#at = now;
  }

  #ranked(peers: readonly PeerCounters[]): PeerCounters[] {
    const rank = ({ peer }: PeerCounters) =>
      this.#scores.get(peer)! * (this.#named.has(peer) ? INCUMBENT : 1);
    return peers.filter(({ peer }) => peer !== OTHER).sort((a, b) => rank(b) - rank(a));
  }
}

import type { BlockIoCounters, BlockOp, ContainerCounters, Histogram, PeerCounters } from 'bpf-linker-napi';
import { NOTHING } from '../exposition/format.js';
import { isEmpty } from '../exposition/histogram.js';
import { seriesKey } from '../identity/source.js';
import { addBlockIo, addPeers, NO_OBSERVATIONS, peerSince, waitSince } from './counters.js';
import { COARSE, type ContainerSeries } from './families.js';

/** Lines of one container without `--histograms.detail`. */
export const MAX_LINES = 80;

/** Info, request, limit, ten states, two modes of samples. */
const VALUE_LINES = 15;
/** Lines of a classic histogram besides its finite bounds: +Inf, sum and count. */
const HISTOGRAM_LINES = 3;
/** Two histograms, and failures. */
const BLOCKIO_LINES =
  COARSE.blockioSeconds.length + HISTOGRAM_LINES + COARSE.blockioBytes.length + HISTOGRAM_LINES + 1;
/** A histogram, connections, failures and retransmits. */
const PEER_LINES = COARSE.wait.length + HISTOGRAM_LINES + 3;

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
 * Limits each container to `MAX_LINES`: off-CPU time by the three reasons that decisions rest on, reads and writes, and
 * as many peers as fit. What the histograms leave out is still in `kernscale_state_seconds_total` or in the peer `other`.
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
    for (const { identity, counters, live } of series) {
      const key = seriesKey(identity);
      const peers = this.#peers.get(key) ?? (counters.peers.length === 0 ? undefined : new PeerLimiter());
      if (peers) kept.set(key, peers);
      limited.push({ identity, counters: limitOne(counters, peers, now), live });
      if (limited.length % BATCH === 0) yield NOTHING;
    }
    this.#peers = kept;
    return limited;
  }
}

function limitOne(
  counters: ContainerCounters,
  peers: PeerLimiter | undefined,
  now: number,
): ContainerCounters {
  // Field by field: counters decode on access, so a spread would copy nothing.
  const { slot, stateSeconds, oncpu, runqueue, samples, tcpServe, tcpServeOverlapped } = counters;
  const { disk, network, lock } = counters.offcpu;
  const blockIo = [...sumOfDevices(counters.blockIo, 'read'), ...sumOfDevices(counters.blockIo, 'write')];
  const lines =
    VALUE_LINES +
    linesOf(oncpu, COARSE.oncpu) +
    linesOf(runqueue, COARSE.runqueue) +
    linesOf(disk, COARSE.offcpu) +
    linesOf(network, COARSE.offcpu) +
    linesOf(lock, COARSE.offcpu) +
    (isEmpty(tcpServe) ? 0 : linesOf(tcpServe, COARSE.serve) + 1) +
    blockIo.length * BLOCKIO_LINES;
  const rows = Math.floor((MAX_LINES - lines) / PEER_LINES);
  const none = NO_OBSERVATIONS;
  return {
    slot,
    stateSeconds,
    oncpu,
    runqueue,
    samples,
    tcpServe,
    tcpServeOverlapped,
    offcpu: { disk, network, lock, ipc: none, sleep: none, idle: none, other: none },
    blockIo,
    peers: peers?.limit(counters.peers, rows, now) ?? [],
  };
}

function linesOf(histogram: Histogram, exponents: readonly number[]): number {
  return isEmpty(histogram) ? 0 : exponents.length + HISTOGRAM_LINES;
}

/** Keeps the device of a container that uses one, as most do; adds up those of a container that uses several. */
function sumOfDevices(all: readonly BlockIoCounters[], op: BlockOp): readonly BlockIoCounters[] {
  if (all.length === 0) return all;
  const [first, ...more] = all.filter((io) => io.op === op);
  if (first === undefined) return [];
  return more.length === 0 ? [first] : [{ ...more.reduce(addBlockIo, first), device: ALL_DEVICES }];
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
    for (const one of peers) {
      if (this.#named.has(one.peer)) continue;
      const grown = peerSince(one, this.#last.get(one.peer));
      this.#other = { ...(this.#other ? addPeers(this.#other, grown) : grown), peer: OTHER };
    }
    this.#last = new Map(peers.map((one) => [one.peer, one]));
    return this.#other ? [...named, this.#other] : [...named];
  }

  #score(peers: readonly PeerCounters[], now: number): void {
    const decay = 2 ** ((this.#at - now) / HALF_LIFE_SECONDS);
    const scores = peers.map((one): [string, number] => {
      const waited = waitSince(one, this.#last.get(one.peer));
      return [one.peer, (this.#scores.get(one.peer) ?? 0) * decay + waited];
    });
    this.#scores = new Map(scores);
    this.#at = now;
  }

  #ranked(peers: readonly PeerCounters[]): PeerCounters[] {
    const rank = ({ peer }: PeerCounters) =>
      this.#scores.get(peer)! * (this.#named.has(peer) ? INCUMBENT : 1);
    return peers.filter(({ peer }) => peer !== OTHER).sort((a, b) => rank(b) - rank(a));
  }
}

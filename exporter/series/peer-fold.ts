import type { PeerCounters } from 'bpf-linker-napi';
import { addPeers, peerSince, waitSince } from './counters.js';

/** The peers that are not told apart. The kernel has such an entry of its own, for those beyond its bound. */
const OTHER = 'other';
/** What was waited for a peer counts half as much after this long: a new bottleneck soon outranks an old one. */
const HALF_LIFE_SECONDS = 300;
/** A peer without a name must be waited for this many times longer to take another's place: names stay put. */
const INCUMBENT = 2;

/**
 * Names the peers that one container lately waited for longest, and adds up the rest as `other`. Peers change places,
 * but no counter goes backwards: `other` grows by what its peers do while they have no name, and a peer that is given
 * a name starts a series with all that it ever did.
 */
export class PeerFold {
  #last = new Map<string, PeerCounters>();
  #scores = new Map<string, number>();
  #named = new Set<string>();
  #other: PeerCounters | undefined;
  #at = 0;

  /**
   * @param rows how many rows there may be, `other` included: at least two
   * @param now seconds on a monotonic clock
   */
  fold(peers: readonly PeerCounters[], rows: number, now: number): PeerCounters[] {
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

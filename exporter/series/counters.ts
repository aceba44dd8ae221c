import type { ContainerCounters, Counters, Histogram, PeerCounters } from 'bpf-linker-napi';
import type { ContainerIdentity } from '../identity/source.js';
import type { Opaque } from '../reduced.js';
import { ENTRIES } from './descriptor.js';

/** One container's share of a scrape. */
export interface ContainerSeries {
  readonly identity: ContainerIdentity;
  readonly counters: ContainerCounters;
  /** Of a whole pod; undefined for one of its containers, and where nothing measures it. */
  readonly starvedSeconds?: number;
  /** Why its threads cannot be seen: of its counters only the CPU time is known. */
  readonly opaque?: Opaque;
  /** False once the container has ended: it has counters, and no gauges. */
  readonly live: boolean;
}

/** Adds up two instances of one container; the slot is the second's. */
export function addContainers(a: ContainerCounters, b: ContainerCounters): ContainerCounters {
  return {
    slot: b.slot,
    stateSeconds: addNumbers(a.stateSeconds, b.stateSeconds, 1),
    servingSeconds: addNumbers(a.servingSeconds, b.servingSeconds, 1),
    starvedSeconds: a.starvedSeconds + b.starvedSeconds,
    ...addCounters(a, b, 1),
    blockIo: addByKey(a.blockIo, b.blockIo, ENTRIES.blockIo.key),
    peers: addByKey(a.peers, b.peers, ENTRIES.peers.key),
  };
}

/** Adds up two instances of one pod's starved time, of which either may be unknown. */
export function addStarved({ starvedSeconds: a }: Starved, { starvedSeconds: b }: Starved): Starved {
  const known = [a, b].filter((seconds) => seconds !== undefined);
  return known.length === 0 ? {} : { starvedSeconds: known.reduce((sum, seconds) => sum + seconds) };
}

type Starved = Pick<ContainerSeries, 'starvedSeconds'>;

/** Returns the final counters of a container that has ended: what was outstanding then gets no response any more. */
export function endOf(counters: ContainerCounters): ContainerCounters {
  const { slot, stateSeconds, servingSeconds, starvedSeconds, scalars, histograms, blockIo, peers } =
    counters;
  return {
    slot,
    stateSeconds,
    servingSeconds,
    starvedSeconds,
    histograms,
    blockIo,
    scalars: {
      ...scalars,
      tcp_dropped: scalars.tcp_dropped + scalars.tcp_outstanding,
      tcp_outstanding: 0,
    },
    peers: peers.map((peer) => ({
      ...peer,
      scalars: {
        ...peer.scalars,
        sent_dropped: peer.scalars.sent_dropped + peer.scalars.sent_outstanding,
        sent_outstanding: 0,
      },
    })),
  };
}

/** Adds up two entries; what tells them apart is the first's. */
export function addEntries<T extends Counters<string, string>>(a: T, b: T): T {
  return { ...a, ...addCounters(a, b, 1) };
}

/** Returns the seconds by which the wait for a peer has grown: all of them if the peer was started over. */
export function waitSince(now: PeerCounters, before: PeerCounters | undefined): number {
  const { wait } = now.histograms;
  return continues(now, before) ? wait.sum - before.histograms.wait.sum : wait.sum;
}

/** Returns the growth of a peer's counters: all of them if the peer was started over. */
export function peerSince(now: PeerCounters, before: PeerCounters | undefined): PeerCounters {
  return continues(now, before) ? { ...now, ...addCounters(now, before, -1) } : now;
}

/** Returns false if the kernel has evicted the peer and started it over. */
function continues(now: PeerCounters, before: PeerCounters | undefined): before is PeerCounters {
  return (
    before !== undefined &&
    now.histograms.wait.sum >= before.histograms.wait.sum &&
    now.scalars.connections >= before.scalars.connections
  );
}

function addByKey<T extends Counters<string, string>>(
  a: readonly T[],
  b: readonly T[],
  keyOf: (one: T) => string,
): T[] {
  const sums = new Map(a.map((one) => [keyOf(one), one]));
  for (const one of b) {
    const known = sums.get(keyOf(one));
    sums.set(keyOf(one), known === undefined ? one : addEntries(known, one));
  }
  return [...sums.values()];
}

/** Adds the counters of `b`, or subtracts them. */
function addCounters<S extends string, H extends string>(
  a: Counters<S, H>,
  b: Counters<S, H>,
  sign: 1 | -1,
): Counters<S, H> {
  const histograms = {} as Record<H, Histogram>;
  for (const name in a.histograms) {
    histograms[name] = addHistograms(a.histograms[name], b.histograms[name], sign);
  }
  return { scalars: addNumbers(a.scalars, b.scalars, sign), histograms };
}

function addNumbers<Name extends string>(
  a: Readonly<Record<Name, number>>,
  b: Readonly<Record<Name, number>>,
  sign: 1 | -1,
): Record<Name, number> {
  const numbers = {} as Record<Name, number>;
  for (const name in a) numbers[name] = a[name] + sign * b[name];
  return numbers;
}

function addHistograms(a: Histogram, b: Histogram, sign: 1 | -1): Histogram {
  const buckets = a.buckets.map((count, index) => count + sign * b.buckets[index]!);
  return { buckets, sum: a.sum + sign * b.sum };
}

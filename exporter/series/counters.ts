import {
  REASONS,
  STATES,
  type BlockIoCounters,
  type ContainerCounters,
  type Histogram,
  type PeerCounters,
} from 'bpf-linker-napi';

/** Adds up two instances of one container; the slot is the second's. */
export function addCounters(a: ContainerCounters, b: ContainerCounters): ContainerCounters {
  return {
    slot: b.slot,
    stateSeconds: mapKeys(STATES, (state) => a.stateSeconds[state] + b.stateSeconds[state]),
    oncpu: addHistograms(a.oncpu, b.oncpu),
    runqueue: addHistograms(a.runqueue, b.runqueue),
    offcpu: mapKeys(REASONS, (reason) => addHistograms(a.offcpu[reason], b.offcpu[reason])),
    tcpServe: addHistograms(a.tcpServe, b.tcpServe),
    tcpServeOverlapped: a.tcpServeOverlapped + b.tcpServeOverlapped,
    samples: { user: a.samples.user + b.samples.user, kernel: a.samples.kernel + b.samples.kernel },
    blockIo: addByKey(a.blockIo, b.blockIo, ({ device, op }) => `${op} ${device}`, addBlockIo),
    peers: addByKey(a.peers, b.peers, ({ peer }) => peer, addPeers),
  };
}

export const NO_OBSERVATIONS: Histogram = { sum: 0, buckets: new Float64Array() };

/** Keeps thread states and samples, and drops everything else. */
export function statesOnly({ slot, stateSeconds, samples }: ContainerCounters): ContainerCounters {
  return {
    slot,
    stateSeconds,
    samples,
    oncpu: NO_OBSERVATIONS,
    runqueue: NO_OBSERVATIONS,
    offcpu: mapKeys(REASONS, () => NO_OBSERVATIONS),
    tcpServe: NO_OBSERVATIONS,
    tcpServeOverlapped: 0,
    blockIo: [],
    peers: [],
  };
}

function addHistograms(a: Histogram, b: Histogram): Histogram {
  if (a.buckets.length === 0) return b;
  if (b.buckets.length === 0) return a;
  return { buckets: a.buckets.map((count, index) => count + b.buckets[index]!), sum: a.sum + b.sum };
}

export function addBlockIo(a: BlockIoCounters, b: BlockIoCounters): BlockIoCounters {
  return {
    ...a,
    seconds: addHistograms(a.seconds, b.seconds),
    bytes: addHistograms(a.bytes, b.bytes),
    failures: a.failures + b.failures,
  };
}

export function addPeers(a: PeerCounters, b: PeerCounters): PeerCounters {
  return {
    peer: a.peer,
    wait: addHistograms(a.wait, b.wait),
    overlapped: a.overlapped + b.overlapped,
    connections: a.connections + b.connections,
    failures: a.failures + b.failures,
    retransmits: a.retransmits + b.retransmits,
  };
}

/** Returns false if the kernel has evicted the peer and started it over. */
function continues(now: PeerCounters, before: PeerCounters | undefined): before is PeerCounters {
  return before !== undefined && now.wait.sum >= before.wait.sum && now.connections >= before.connections;
}

/** Returns the seconds by which the wait for a peer has grown: all of them if the peer was started over. */
export function waitSince(now: PeerCounters, before: PeerCounters | undefined): number {
  return continues(now, before) ? now.wait.sum - before.wait.sum : now.wait.sum;
}

/** Returns the growth of a peer's counters: all of them if the peer was started over. */
export function peerSince(now: PeerCounters, before: PeerCounters | undefined): PeerCounters {
  if (!continues(now, before)) return now;
  return {
    peer: now.peer,
    wait: {
      buckets: now.wait.buckets.map((count, index) => count - before.wait.buckets[index]!),
      sum: now.wait.sum - before.wait.sum,
    },
    overlapped: now.overlapped - before.overlapped,
    connections: now.connections - before.connections,
    failures: now.failures - before.failures,
    retransmits: now.retransmits - before.retransmits,
  };
}

function addByKey<T>(
  a: readonly T[],
  b: readonly T[],
  keyOf: (one: T) => string,
  add: (a: T, b: T) => T,
): T[] {
  const sums = new Map(a.map((one) => [keyOf(one), one]));
  for (const one of b) {
    const known = sums.get(keyOf(one));
    sums.set(keyOf(one), known === undefined ? one : add(known, one));
  }
  return [...sums.values()];
}

function mapKeys<K extends string, V>(keys: readonly K[], value: (key: K) => V): Record<K, V> {
  return Object.fromEntries(keys.map((key) => [key, value(key)])) as Record<K, V>;
}

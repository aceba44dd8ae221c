import { SIZE_BOUNDS_BYTES, TIME_BOUNDS_SECONDS } from './bounds.js';
import type { RawMap, RawSnapshot } from './addon.js';
import { BLOCK_OPS, REASONS, STATES } from './types.js';
import type {
  BlockIoCounters,
  ContainerCounters,
  Histogram,
  PeerCounters,
  Reason,
  Snapshot,
  State,
} from './types.js';

const TIME_BUCKETS = TIME_BOUNDS_SECONDS.length + 1;
const SIZE_BUCKETS = SIZE_BOUNDS_BYTES.length + 1;
/** Total, sum, buckets. */
const SERIES = 2 + TIME_BUCKETS;
const SLOT_VALUES = (STATES.length + 1) * SERIES + 3;
const NANOSECOND = 1e-9;
/** MAX_DEVICE_NAME in bpf/layout.h. */
const NAME_WORDS = 4;

/** In the order of `enum drop` in bpf/layout.h. */
const DROPS = [
  'threads_full',
  'connections_full',
  'peers_full',
  'blockio_full',
  'blockio_owner_lost',
  'blockio_no_start',
  'events_full',
  'switches_missed',
  'messages_missed',
  'runs_skipped',
] as const;

/** From the addon's buffers to counters per container. */
export function decodeSnapshot(raw: RawSnapshot): Snapshot {
  const blockIo = decodeBlockIo(raw.blockIo);
  const peers = decodePeers(raw.peers);
  const containers = Array.from(raw.slots, (slot, i) =>
    decodeContainer(
      slot,
      raw.values.subarray(i * SLOT_VALUES, (i + 1) * SLOT_VALUES),
      blockIo.get(slot) ?? [],
      peers.get(slot) ?? [],
    ),
  );
  const drops = Object.fromEntries(DROPS.map((name, i) => [name, Number(raw.drops[i])]));
  return { containers, drops };
}

function decodeContainer(
  slot: number,
  values: Float64Array,
  blockIo: readonly BlockIoCounters[],
  peers: readonly PeerCounters[],
): ContainerCounters {
  const histogram = (series: number): Histogram => ({
    sum: values[series * SERIES + 1]!,
    buckets: values.subarray(series * SERIES + 2, (series + 1) * SERIES),
  });
  const counts = values.subarray((STATES.length + 1) * SERIES);
  return {
    slot,
    stateSeconds: Object.fromEntries(STATES.map((state, i) => [state, values[i * SERIES]!])) as Record<
      State,
      number
    >,
    oncpu: histogram(STATES.indexOf('oncpu')),
    runqueue: histogram(STATES.indexOf('runqueue')),
    offcpu: Object.fromEntries(
      REASONS.map((reason) => [reason, histogram(STATES.indexOf(reason))]),
    ) as Record<Reason, Histogram>,
    tcpServe: histogram(STATES.length),
    tcpServeOverlapped: counts[2]!,
    samples: { user: counts[0]!, kernel: counts[1]! },
    blockIo,
    peers,
  };
}

/** Calls back with each entry's key and its 64-bit words, and groups the answers by slot. */
function bySlot<T>(
  map: RawMap,
  keySize: number,
  words: number,
  decode: (key: DataView, values: BigUint64Array) => T,
): Map<number, T[]> {
  const result = new Map<number, T[]>();
  for (let i = 0; i * keySize < map.keys.length; i++) {
    const key = new DataView(map.keys.buffer, map.keys.byteOffset + i * keySize, keySize);
    const entry = decode(key, map.values.subarray(i * words, (i + 1) * words));
    const slot = key.getUint32(0, true);
    const entries = result.get(slot);
    if (entries === undefined) result.set(slot, [entry]);
    else entries.push(entry);
  }
  return result;
}

function histogramOf(sum: number, buckets: BigUint64Array): Histogram {
  return { sum, buckets: Float64Array.from(buckets, Number) };
}

/** struct blockio_key, struct blockio_value */
function decodeBlockIo(map: RawMap): Map<number, BlockIoCounters[]> {
  const times = NAME_WORDS + 3;
  const sizes = times + TIME_BUCKETS;
  return bySlot(map, 12, sizes + SIZE_BUCKETS, (key, values) => ({
    device: deviceName(key, values),
    op: BLOCK_OPS[key.getUint32(8, true)]!,
    seconds: histogramOf(Number(values[NAME_WORDS + 1]) * NANOSECOND, values.subarray(times, sizes)),
    bytes: histogramOf(Number(values[NAME_WORDS + 2]), values.subarray(sizes)),
    failures: Number(values[NAME_WORDS]),
  }));
}

/** The kernel's name, as it was at the first request: the device may be gone. */
function deviceName(key: DataView, values: BigUint64Array): string {
  const name = Buffer.from(values.buffer, values.byteOffset, NAME_WORDS * 8);
  const end = name.indexOf(0);
  if (end > 0) return name.toString('latin1', 0, end);
  const device = key.getUint32(4, true);
  return `${device >>> 20}:${device & 0xfffff}`;
}

/** struct peer_key, struct peer_value */
function decodePeers(map: RawMap): Map<number, PeerCounters[]> {
  const after = 1 + TIME_BUCKETS;
  return bySlot(map, 24, after + 5, (key, values) => ({
    peer: formatPeer(key),
    wait: histogramOf(Number(values[0]) * NANOSECOND, values.subarray(1, after)),
    overlapped: Number(values[after]),
    connections: Number(values[after + 1]),
    failures: Number(values[after + 2]),
    retransmits: Number(values[after + 3]),
  }));
}

const AF_INET = 2;
const AF_INET6 = 10;

/** `ip:port`, `[v6]:port` in the form of RFC 5952, or `other`. */
function formatPeer(key: DataView): string {
  const port = key.getUint16(4, true);
  const family = key.getUint16(6, true);
  if (family === AF_INET) {
    const bytes = [8, 9, 10, 11].map((offset) => key.getUint8(offset));
    return `${bytes.join('.')}:${port}`;
  }
  if (family !== AF_INET6) return 'other';
  const words = Array.from({ length: 8 }, (_, i) => key.getUint16(8 + 2 * i).toString(16));
  return `${new URL(`http://[${words.join(':')}]`).hostname}:${port}`;
}

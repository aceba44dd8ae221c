import { SIZE_BOUNDS_BYTES, TIME_BOUNDS_SECONDS } from './bounds.js';
import type { RawPool, RawProgram, RawSnapshot } from './addon.js';
import { BLOCK_OPS, PROBES, REASONS, STATES } from './types.js';
import type {
  BlockIoCounters,
  ContainerCounters,
  Histogram,
  PeerCounters,
  ProgramStatus,
  Reason,
  Snapshot,
  State,
} from './types.js';

const TIME_BUCKETS = TIME_BOUNDS_SECONDS.length + 1;
const SIZE_BUCKETS = SIZE_BOUNDS_BYTES.length + 1;
const REASON_HISTOGRAMS = REASONS.map((reason) => ({ reason, number: STATES.indexOf(reason) }));
const ONCPU = STATES.indexOf('oncpu');
const RUNQUEUE = STATES.indexOf('runqueue');
const TCP_SERVE = STATES.length;
/** Elements of `offsets` per slot: its counts, the states' histograms, tcpServe. */
const OFFSETS = 1 + STATES.length + 1;
/** A divisor: it yields the double nearest to the exact decimal, which a product with 1e-9 may miss. */
const NANOSECONDS = 1e9;
/** MAX_DEVICE_NAME in bpf/layout.h. */
const NAME_BYTES = 32;

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

const EMPTY: Histogram = { sum: 0, buckets: new Float64Array(TIME_BUCKETS) };

export function decodeStatus({ probe, program, attached, detail }: RawProgram): ProgramStatus {
  return { probe: PROBES[probe] ?? 'profile', program, attached, detail };
}

/** Decodes the addon's buffers to counters per container, each on first access. */
export function decodeSnapshot(raw: RawSnapshot): Snapshot {
  const blockIo = new Entries(raw.blockIo.keys, 12, (key, entry) => decodeBlockIo(raw.blockIo, key, entry));
  const peers = new Entries(raw.peers.keys, 24, (key, entry) => decodePeer(raw.peers, key, entry));
  return {
    containers: Array.from(raw.slots, (slot, index) => new SlotCounters(slot, index, raw, blockIo, peers)),
    drops: Object.fromEntries(DROPS.map((name, i) => [name, Number(raw.drops[i])])),
    flushSeconds: raw.flushSeconds,
  };
}

/** Counters of one slot in a snapshot. */
class SlotCounters implements ContainerCounters {
  #stateSeconds: Record<State, number> | undefined;
  #offcpu: Record<Reason, Histogram> | undefined;
  #blockIo: readonly BlockIoCounters[] | undefined;
  #peers: readonly PeerCounters[] | undefined;

  constructor(
    readonly slot: number,
    private readonly index: number,
    private readonly raw: RawSnapshot,
    private readonly allBlockIo: Entries<BlockIoCounters>,
    private readonly allPeers: Entries<PeerCounters>,
  ) {}

  get stateSeconds(): Readonly<Record<State, number>> {
    return (this.#stateSeconds ??= this.#readStates());
  }

  get oncpu(): Histogram {
    return this.#histogram(ONCPU);
  }

  get runqueue(): Histogram {
    return this.#histogram(RUNQUEUE);
  }

  get offcpu(): Readonly<Record<Reason, Histogram>> {
    return (this.#offcpu ??= this.#readReasons());
  }

  get tcpServe(): Histogram {
    return this.#histogram(TCP_SERVE);
  }

  get tcpServeOverlapped(): number {
    return this.#count(STATES.length + 2);
  }

  get samples(): { readonly user: number; readonly kernel: number } {
    return { user: this.#count(STATES.length), kernel: this.#count(STATES.length + 1) };
  }

  get blockIo(): readonly BlockIoCounters[] {
    return (this.#blockIo ??= this.allBlockIo.of(this.slot));
  }

  get peers(): readonly PeerCounters[] {
    return (this.#peers ??= this.allPeers.of(this.slot));
  }

  #readStates(): Record<State, number> {
    const seconds = {} as Record<State, number>;
    for (let index = 0; index < STATES.length; index++) seconds[STATES[index]!] = this.#count(index);
    return seconds;
  }

  #readReasons(): Record<Reason, Histogram> {
    const histograms = {} as Record<Reason, Histogram>;
    for (const { reason, number } of REASON_HISTOGRAMS) histograms[reason] = this.#histogram(number);
    return histograms;
  }

  #count(number: number): number {
    return this.raw.values[this.raw.offsets[this.index * OFFSETS]! + number]!;
  }

  #histogram(number: number): Histogram {
    const { values, offsets } = this.raw;
    const offset = offsets[this.index * OFFSETS + 1 + number]!;
    return offset === 0 ? EMPTY : { sum: values[offset]!, buckets: unpack(values, offset + 1, TIME_BUCKETS) };
  }
}

/** About as many buckets as one container has: allocated together they cost a third of what they cost one by one. */
const CHUNK = 512;
let chunk = new Float64Array(CHUNK);
let taken = 0;

function zeros(length: number): Float64Array {
  if (taken + length > CHUNK) {
    chunk = new Float64Array(CHUNK);
    taken = 0;
  }
  taken += length;
  return chunk.subarray(taken - length, taken);
}

/** Unpacks buckets: index of the first that is not empty, how many follow, and these. */
function unpack(values: Float64Array, offset: number, length: number): Float64Array {
  const buckets = zeros(length);
  const first = values[offset]!;
  const count = values[offset + 1]!;
  for (let i = 0; i < count; i++) buckets[first + i] = values[offset + 2 + i]!;
  return buckets;
}

/** Entries of a pool, whose keys begin with the slot, by slot. */
class Entries<T> {
  #bySlot: Map<number, number[]> | undefined;

  constructor(
    private readonly keys: Uint8Array,
    private readonly keyBytes: number,
    private readonly decode: (key: DataView, entry: number) => T,
  ) {}

  of(slot: number): readonly T[] {
    this.#bySlot ??= this.#group();
    return this.#bySlot.get(slot)?.map((entry) => this.decode(this.#key(entry), entry)) ?? [];
  }

  #group(): Map<number, number[]> {
    const groups = new Map<number, number[]>();
    const count = this.keys.length / this.keyBytes;
    for (let entry = 0; entry < count; entry++) {
      const slot = this.#key(entry).getUint32(0, true);
      const group = groups.get(slot);
      if (group === undefined) groups.set(slot, [entry]);
      else group.push(entry);
    }
    return groups;
  }

  #key(entry: number): DataView {
    return new DataView(this.keys.buffer, this.keys.byteOffset + entry * this.keyBytes, this.keyBytes);
  }
}

/** struct blockio_entry in bpf/layout.h */
function decodeBlockIo({ values, offsets, names }: RawPool, key: DataView, entry: number): BlockIoCounters {
  const start = offsets[entry]!;
  const times = start + 3;
  const sizes = times + 2 + values[times + 1]!;
  return {
    device: deviceName(key, names.subarray(entry * NAME_BYTES, (entry + 1) * NAME_BYTES)),
    op: BLOCK_OPS[key.getUint32(8, true)]!,
    seconds: { sum: values[start + 1]! / NANOSECONDS, buckets: unpack(values, times, TIME_BUCKETS) },
    bytes: { sum: values[start + 2]!, buckets: unpack(values, sizes, SIZE_BUCKETS) },
    failures: values[start]!,
  };
}

/** The kernel's name at the first request, because the device may be gone; `major:minor` without one. */
function deviceName(key: DataView, name: Uint8Array): string {
  const end = name.indexOf(0);
  if (end > 0) return String.fromCharCode(...name.subarray(0, end));
  const device = key.getUint32(4, true);
  return `${device >>> 20}:${device & 0xfffff}`;
}

/** struct peer_entry in bpf/layout.h */
function decodePeer({ values, offsets }: RawPool, key: DataView, entry: number): PeerCounters {
  const start = offsets[entry]!;
  return {
    peer: formatPeer(key),
    wait: { sum: values[start]! / NANOSECONDS, buckets: unpack(values, start + 6, TIME_BUCKETS) },
    overlapped: values[start + 2]!,
    connections: values[start + 3]!,
    failures: values[start + 4]!,
    retransmits: values[start + 5]!,
  };
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

import type { RawPool, RawProgram, RawSnapshot } from './addon.js';
import { SIZE_BOUNDS_BYTES, TIME_BOUNDS_SECONDS } from './bounds.js';
import {
  BLOCK_OPS,
  BLOCKIO_HISTOGRAMS,
  BLOCKIO_KEY,
  BLOCKIO_SCALARS,
  CONTAINER_HISTOGRAMS,
  CONTAINER_SCALARS,
  DROPS,
  PEER_HISTOGRAMS,
  PEER_KEY,
  PEER_SCALARS,
  PROBES,
  STATES,
  type ContainerHistogram,
  type ContainerScalar,
  type State,
} from './layout.js';
import type {
  BlockIoCounters,
  ContainerCounters,
  Counters,
  Histogram,
  PeerCounters,
  ProgramStatus,
  Snapshot,
} from './types.js';

const TIME_BUCKETS = TIME_BOUNDS_SECONDS.length + 1;
/** Elements of `offsets` per slot: its counters, then its histograms. */
const OFFSETS = 1 + CONTAINER_HISTOGRAMS.length;
/** Entries' histograms by unit. A divisor yields the double nearest to the exact decimal, which a product may miss. */
const UNITS = {
  seconds: { divisor: 1e9, buckets: TIME_BUCKETS },
  bytes: { divisor: 1, buckets: SIZE_BOUNDS_BYTES.length + 1 },
} as const;

const EMPTY: Histogram = { sum: 0, buckets: new Float64Array(TIME_BUCKETS) };

export function decodeStatus({ probe, program, attached, lockedDown, detail }: RawProgram): ProgramStatus {
  const reason = lockedDown ? { reason: 'lockdown' as const } : {};
  return { probe: PROBES[probe] ?? 'profile', program, attached, ...reason, detail };
}

/** Decodes the addon's buffers to counters per container, each on first access. */
export function decodeSnapshot(raw: RawSnapshot): Snapshot {
  const blockIo = new Entries(raw.blockIo, decodeBlockIo);
  const peers = new Entries(raw.peers, decodePeer);
  return {
    containers: Array.from(raw.slots, (slot, index) => new SlotCounters(slot, index, raw, blockIo, peers)),
    drops: Object.fromEntries(DROPS.map((name, i) => [name, Number(raw.drops[i])])),
    flushSeconds: raw.flushSeconds,
  };
}

/** Counters of one slot in a snapshot. */
class SlotCounters implements ContainerCounters {
  #stateSeconds: Record<State, number> | undefined;
  #servingSeconds: Record<State, number> | undefined;
  #scalars: Record<ContainerScalar, number> | undefined;
  #histograms: Record<ContainerHistogram, Histogram> | undefined;
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
    return (this.#stateSeconds ??= readScalars(this.raw.values, this.#offset(0), STATES));
  }

  get servingSeconds(): Readonly<Record<State, number>> {
    const start = this.#offset(0) + STATES.length + CONTAINER_SCALARS.length;
    return (this.#servingSeconds ??= readScalars(this.raw.values, start, STATES));
  }

  get starvedSeconds(): number {
    return this.raw.values[this.#offset(0) + 2 * STATES.length + CONTAINER_SCALARS.length]!;
  }

  get scalars(): Readonly<Record<ContainerScalar, number>> {
    const start = this.#offset(0) + STATES.length;
    return (this.#scalars ??= readScalars(this.raw.values, start, CONTAINER_SCALARS));
  }

  get histograms(): Readonly<Record<ContainerHistogram, Histogram>> {
    return (this.#histograms ??= this.#readHistograms());
  }

  get blockIo(): readonly BlockIoCounters[] {
    return (this.#blockIo ??= this.allBlockIo.of(this.slot));
  }

  get peers(): readonly PeerCounters[] {
    return (this.#peers ??= this.allPeers.of(this.slot));
  }

  #readHistograms(): Record<ContainerHistogram, Histogram> {
    const { values } = this.raw;
    const histograms = {} as Record<ContainerHistogram, Histogram>;
    for (let number = 0; number < CONTAINER_HISTOGRAMS.length; number++) {
      const offset = this.#offset(1 + number);
      histograms[CONTAINER_HISTOGRAMS[number]!] =
        offset === 0 ? EMPTY : { sum: values[offset]!, buckets: unpack(values, offset + 1, TIME_BUCKETS) };
    }
    return histograms;
  }

  #offset(number: number): number {
    return this.raw.offsets[this.index * OFFSETS + number]!;
  }
}

function readScalars<Name extends string>(
  values: Float64Array,
  start: number,
  names: readonly Name[],
): Record<Name, number> {
  const scalars = {} as Record<Name, number>;
  for (let index = 0; index < names.length; index++) scalars[names[index]!] = values[start + index]!;
  return scalars;
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
    private readonly raw: RawPool,
    private readonly decode: (raw: RawPool, key: DataView, entry: number) => T,
  ) {}

  of(slot: number): readonly T[] {
    this.#bySlot ??= this.#group();
    return this.#bySlot.get(slot)?.map((entry) => this.decode(this.raw, this.#key(entry), entry)) ?? [];
  }

  #group(): Map<number, number[]> {
    const groups = new Map<number, number[]>();
    for (let entry = 0; entry < this.raw.offsets.length; entry++) {
      const slot = this.#key(entry).getUint32(0, true);
      const group = groups.get(slot);
      if (group === undefined) groups.set(slot, [entry]);
      else group.push(entry);
    }
    return groups;
  }

  #key(entry: number): DataView {
    const { keys, offsets } = this.raw;
    const size = keys.length / offsets.length;
    return new DataView(keys.buffer, keys.byteOffset + entry * size, size);
  }
}

/** Reads the counters of an entry. @param units of its histograms, by name */
function readCounters<Scalar extends string, Name extends string>(
  { values, offsets }: RawPool,
  entry: number,
  names: readonly Scalar[],
  units: Readonly<Record<Name, keyof typeof UNITS>>,
): Counters<Scalar, Name> {
  let at = offsets[entry]!;
  const scalars = readScalars(values, at, names);
  const histograms = {} as Record<Name, Histogram>;
  at += names.length;
  for (const name in units) {
    const { divisor, buckets } = UNITS[units[name]];
    histograms[name] = { sum: values[at]! / divisor, buckets: unpack(values, at + 1, buckets) };
    at += 3 + values[at + 2]!;
  }
  return { scalars, histograms };
}

function decodeBlockIo(raw: RawPool, key: DataView, entry: number): BlockIoCounters {
  const { scalars, histograms } = readCounters(raw, entry, BLOCKIO_SCALARS, BLOCKIO_HISTOGRAMS);
  const nameSize = raw.names.length / raw.offsets.length;
  return {
    device: deviceName(key, raw.names.subarray(entry * nameSize, (entry + 1) * nameSize)),
    op: BLOCK_OPS[key.getUint32(BLOCKIO_KEY.op, true)]!,
    scalars,
    histograms,
  };
}

/** The kernel's name at the first request, because the device may be gone; `major:minor` without one. */
function deviceName(key: DataView, name: Uint8Array): string {
  const end = name.indexOf(0);
  if (end > 0) return String.fromCharCode(...name.subarray(0, end));
  const device = key.getUint32(BLOCKIO_KEY.device, true);
  return `${device >>> 20}:${device & 0xfffff}`;
}

function decodePeer(raw: RawPool, key: DataView, entry: number): PeerCounters {
  const { scalars, histograms } = readCounters(raw, entry, PEER_SCALARS, PEER_HISTOGRAMS);
  return { peer: formatPeer(key), scalars, histograms };
}

const AF_INET = 2;
const AF_INET6 = 10;

/** `ip:port`, `[v6]:port` in the form of RFC 5952, or `other`. */
function formatPeer(key: DataView): string {
  const port = key.getUint16(PEER_KEY.port, true);
  const family = key.getUint16(PEER_KEY.family, true);
  if (family === AF_INET) {
    const bytes = [0, 1, 2, 3].map((index) => key.getUint8(PEER_KEY.address + index));
    return `${bytes.join('.')}:${port}`;
  }
  if (family !== AF_INET6) return 'other';
  const words = Array.from({ length: 8 }, (_, i) => key.getUint16(PEER_KEY.address + 2 * i).toString(16));
  return `${new URL(`http://[${words.join(':')}]`).hostname}:${port}`;
}

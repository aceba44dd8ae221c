import { bpftool, heldBy, list } from './bpf-census.js';

/** The part of a thread's record (struct thread in native/bpf/threads.h) that its present state consists of. */
export interface ThreadRecord {
  readonly since: bigint;
  readonly flushed_until: bigint;
  readonly state: number;
}

interface Struct {
  readonly kind: string;
  readonly name: string;
  readonly members: readonly { readonly name: string; readonly bits_offset: number }[];
}

/** Threads that the table has room for (THREAD_TABLE_SIZE in native/bpf/threads.h): the default pid_max. */
export const THREAD_TABLE_SIZE = 32_768;

/** The table of thread records of the probes that this process has loaded last, written past the probes. */
export class ThreadTable {
  readonly #id: string;
  readonly #offsets: ReadonlyMap<string, number>;

  constructor() {
    const held = new Set(heldBy('self', 'map'));
    const tables = list('map').filter(({ id, name }) => held.has(id) && name === 'thread_table');
    this.#id = String(Math.max(...tables.map(({ id }) => id)));
    const { types } = bpftool('btf', 'dump', 'map', 'id', this.#id, 'value') as { types: readonly Struct[] };
    const { members } = types.find(({ kind, name }) => kind === 'STRUCT' && name === 'thread')!;
    this.#offsets = new Map(members.map(({ name, bits_offset }) => [name, bits_offset / 8]));
  }

  read(pid: number): ThreadRecord {
    const bytes = this.#bytes(pid);
    return {
      since: bytes.readBigUInt64LE(this.#offsets.get('since')),
      flushed_until: bytes.readBigUInt64LE(this.#offsets.get('flushed_until')),
      state: bytes.readUInt8(this.#offsets.get('state')),
    };
  }

  write(pid: number, { since, flushed_until, state }: ThreadRecord): void {
    const bytes = this.#bytes(pid);
    bytes.writeBigUInt64LE(since, this.#offsets.get('since'));
    bytes.writeBigUInt64LE(flushed_until, this.#offsets.get('flushed_until'));
    bytes.writeUInt8(state, this.#offsets.get('state'));
    bpftool('map', 'update', 'id', this.#id, ...key(pid), 'value', 'hex', ...hex(bytes));
  }

  #bytes(pid: number): Buffer {
    const { value } = bpftool('map', 'lookup', 'id', this.#id, ...key(pid)) as { value: readonly string[] };
    return Buffer.from(value.map(Number));
  }
}

function key(pid: number): string[] {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(pid % THREAD_TABLE_SIZE);
  return ['key', 'hex', ...hex(bytes)];
}

function hex(bytes: Buffer): string[] {
  return [...bytes].map((byte) => byte.toString(16));
}

/**
 * Reads function names and the build id of an ELF file (elf(5)). Files of containers are untrusted input of a privileged
 * process, so they are parsed in TypeScript, where nothing is read out of bounds, and not by a C library. 64 bits and
 * little endian only, as all machines that Kernscale runs on.
 */

/** Reads `length` bytes at an offset of a file; fewer at its end. */
export type ReadAt = (offset: number, length: number) => Buffer;

/** A range of the file. */
interface Extent {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
}

interface Segment extends Extent {
  readonly address: number;
}

interface SymbolTable extends Extent {
  /** Offset of the string table. */
  readonly strings: number;
}

interface Candidate {
  readonly start: number;
  /** Offsets of the function's names. */
  readonly names: readonly number[];
}

const HEADER_BYTES = 64;
const SEGMENT_BYTES = 56;
const SECTION_BYTES = 64;
const SYMBOL_BYTES = 24;
const MAX_SEGMENTS = 64;
const MAX_SECTIONS = 4096;
/** 2.8 million functions. */
const MAX_SYMBOLS_BYTES = 64 * 1024 * 1024;
const MAX_NOTES_BYTES = 64 * 1024;
const MAX_NAME_BYTES = 1024;
const MAX_ALIASES = 16;
const SYMBOLS_AT_ONCE = 32 * 1024;

const PT_LOAD = 1;
const PT_NOTE = 4;
const SHT_SYMTAB = 2;
const SHT_DYNSYM = 11;
const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;
const NT_GNU_BUILD_ID = 3;

export class Elf {
  /** Hexadecimal; empty if the file has none. */
  readonly buildId: string;
  /** True if only exported functions have names. */
  readonly isStripped: boolean;
  readonly #segments: readonly Segment[];
  readonly #symbols: SymbolTable | undefined;

  private constructor(
    private readonly read: ReadAt,
    header: Buffer,
  ) {
    const segments = segmentsOf(read, header);
    this.#segments = segments.filter(({ type }) => type === PT_LOAD);
    this.buildId = segments
      .filter(({ type }) => type === PT_NOTE)
      .map((note) => buildIdOf(read, note))
      .join('');
    const tables = symbolTables(read, header);
    const full = tables.find(({ type }) => type === SHT_SYMTAB);
    this.isStripped = full === undefined;
    this.#symbols = full ?? tables.find(({ type }) => type === SHT_DYNSYM);
  }

  /** @returns undefined for anything but a 64-bit little-endian ELF file */
  static open(read: ReadAt): Elf | undefined {
    const header = read(0, HEADER_BYTES);
    const isElf = header.length === HEADER_BYTES && header.readUInt32BE(0) === 0x7f454c46;
    return isElf && header[4] === 2 && header[5] === 1 ? new Elf(read, header) : undefined;
  }

  /** Returns the virtual address of an offset in the file; undefined if it is never loaded. */
  addressOf(offset: number): number | undefined {
    const segment = this.#segments.find((one) => one.offset <= offset && offset < one.offset + one.size);
    return segment && offset - segment.offset + segment.address;
  }

  /** Returns the names of the functions that contain these virtual addresses. */
  functionsAt(addresses: readonly number[]): ReadonlyMap<number, string> {
    const names = new Map<number, string>();
    if (!this.#symbols) return names;
    const { strings } = this.#symbols;
    for (const [address, candidate] of this.#candidates(this.#symbols, addresses)) {
      names.set(address, bestName(candidate.names.map((at) => this.#string(strings + at))));
    }
    return names;
  }

  #candidates(table: SymbolTable, addresses: readonly number[]): ReadonlyMap<number, Candidate> {
    const wanted = Float64Array.from(new Set(addresses)).sort();
    const found = new Map<number, Candidate>();
    const step = SYMBOLS_AT_ONCE * SYMBOL_BYTES;
    for (let at = 0; at < table.size; at += step) {
      const symbols = this.read(table.offset + at, Math.min(step, table.size - at));
      for (let i = 0; i + SYMBOL_BYTES <= symbols.length; i += SYMBOL_BYTES) {
        const type = symbols[i + 4]! & 0xf;
        if (type !== STT_FUNC && type !== STT_GNU_IFUNC) continue;
        const start = word(symbols, i + 8);
        const end = start + word(symbols, i + 16);
        const name = symbols.readUInt32LE(i);
        for (let j = firstAtLeast(wanted, start); j < wanted.length && wanted[j]! < end; j++) {
          consider(found, wanted[j]!, start, name);
        }
      }
    }
    return found;
  }

  #string(offset: number): string {
    const bytes = this.read(offset, MAX_NAME_BYTES);
    const end = bytes.indexOf(0);
    return bytes.toString('utf8', 0, end === -1 ? bytes.length : end);
  }
}

/** The function that begins last is the innermost; those that begin at the same address are aliases. */
function consider(found: Map<number, Candidate>, address: number, start: number, name: number): void {
  const known = found.get(address);
  if (known === undefined || start > known.start) found.set(address, { start, names: [name] });
  else if (start === known.start && known.names.length < MAX_ALIASES)
    found.set(address, { start, names: [...known.names, name] });
}

/** Picks the name that a programmer writes: `read` of `__libc_read`, `__read` and `read`. */
function bestName(names: readonly string[]): string {
  const rank = (name: string) => /^_*/.exec(name)![0].length * MAX_NAME_BYTES + name.length;
  return names.reduce((best, name) => (rank(name) < rank(best) ? name : best));
}

function firstAtLeast(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function segmentsOf(read: ReadAt, header: Buffer): Segment[] {
  const count = Math.min(header.readUInt16LE(56), MAX_SEGMENTS);
  const table = read(word(header, 32), count * SEGMENT_BYTES);
  return records(table, SEGMENT_BYTES).map((entry) => ({
    type: entry.readUInt32LE(0),
    offset: word(entry, 8),
    address: word(entry, 16),
    size: word(entry, 32),
  }));
}

function symbolTables(read: ReadAt, header: Buffer): SymbolTable[] {
  const count = Math.min(header.readUInt16LE(60), MAX_SECTIONS);
  const sections = records(read(word(header, 40), count * SECTION_BYTES), SECTION_BYTES);
  return sections.flatMap((section) => {
    const type = section.readUInt32LE(4);
    const strings = sections[section.readUInt32LE(40)];
    const size = word(section, 32);
    if ((type !== SHT_SYMTAB && type !== SHT_DYNSYM) || !strings || size > MAX_SYMBOLS_BYTES) return [];
    return [{ type, offset: word(section, 24), size, strings: word(strings, 24) }];
  });
}

/** Notes are name size, content size and type, then the name and the content, each padded to four bytes. */
function buildIdOf(read: ReadAt, { offset, size }: Segment): string {
  const notes = read(offset, Math.min(size, MAX_NOTES_BYTES));
  const padded = (length: number) => Math.ceil(length / 4) * 4;
  for (let at = 0; at + 12 <= notes.length;) {
    const nameSize = notes.readUInt32LE(at);
    const contentSize = notes.readUInt32LE(at + 4);
    const content = at + 12 + padded(nameSize);
    const isGnu = notes.toString('latin1', at + 12, at + 12 + nameSize) === 'GNU\0';
    if (isGnu && notes.readUInt32LE(at + 8) === NT_GNU_BUILD_ID) {
      return notes.toString('hex', content, content + contentSize);
    }
    at = content + padded(contentSize);
  }
  return '';
}

function records(table: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.floor(table.length / size) }, (_, i) =>
    table.subarray(i * size, (i + 1) * size),
  );
}

/** Reads a 64-bit number. Offsets and addresses of programs are below 2^53, so they are exact. */
function word(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at) + buffer.readUInt32LE(at + 4) * 2 ** 32;
}

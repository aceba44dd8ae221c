const DEFAULT_CAPACITY = 4096;

const NEWLINE = 0x0a;
const DOT = 0x2e;
const ZERO = 0x30;
/** Length of a number below 2^53, and more than the sign, point and exponent of any other. */
const LONGEST_NUMBER = 32;
/** Digits written at once: a 32-bit integer always holds as many, and a second has as many of nanoseconds. */
const GROUP = 9;
const GROUP_SIZE = 1e9;

/** Wire types of the Protocol Buffers encoding (https://protobuf.dev/programming-guides/encoding/). */
const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const LONGEST_VARINT = 10;

/** Appends to a buffer that grows as needed. */
class ByteWriter {
  protected bytes = Buffer.alloc(0);
  /** Position of the next byte. */
  protected end = 0;

  /** @param capacity bytes expected between one `take` and the next */
  constructor(private readonly capacity = DEFAULT_CAPACITY) {}

  /** Number of bytes that `take` would return. */
  get length(): number {
    return this.end;
  }

  /** Returns what was written since the last call. Later writes go into the rest of the same memory. */
  take(): Uint8Array {
    const taken = this.bytes.subarray(0, this.end);
    this.bytes = this.bytes.subarray(this.end);
    this.end = 0;
    return taken;
  }

  /** Appends bytes that are encoded already. */
  encoded(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.end);
    this.end += bytes.length;
  }

  protected reserve(size: number): void {
    const needed = this.end + size;
    if (needed <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.capacity, 2 * needed));
    this.bytes.copy(larger, 0, 0, this.end);
    this.bytes = larger;
  }
}

/** Writes lines of the text formats. */
export class TextWriter extends ByteWriter {
  /** Returns what was written since the last call. Valid until the next write, which goes into the same memory. */
  override take(): Uint8Array {
    const taken = this.bytes.subarray(0, this.end);
    this.end = 0;
    return taken;
  }

  text(text: string): void {
    const size = Buffer.byteLength(text);
    this.reserve(size);
    this.end += this.bytes.write(text, this.end);
  }

  /**
   * Ends a line with a value, as text that a reader parses into the same double. Counts and sums of nanoseconds, which
   * nearly all values are, are written digit by digit: this takes a fraction of the time that formatting a double takes.
   */
  value(value: number): void {
    this.reserve(LONGEST_NUMBER + 1);
    const nanoseconds = Math.round(value * GROUP_SIZE);
    if (Number.isSafeInteger(value) && value >= 0) this.#whole(value);
    else if (nanoseconds > 0 && Number.isSafeInteger(nanoseconds) && nanoseconds / GROUP_SIZE === value) {
      this.#nanoseconds(nanoseconds);
    } else this.text(formatValue(value));
    this.bytes[this.end++] = NEWLINE;
  }

  /** Writes nanoseconds as seconds. */
  #nanoseconds(count: number): void {
    this.#whole(Math.floor(count / GROUP_SIZE));
    this.bytes[this.end++] = DOT;
    this.#digits(count % GROUP_SIZE, GROUP);
    while (this.bytes[this.end - 1] === ZERO) this.end--;
  }

  #whole(value: number): void {
    if (value >= GROUP_SIZE) {
      this.#whole(Math.floor(value / GROUP_SIZE));
      this.#digits(value % GROUP_SIZE, GROUP);
      return;
    }
    let count = 1;
    for (let power = 10; value >= power; power *= 10) count++;
    this.#digits(value, count);
  }

  /** Writes the last `count` digits, leading zeros included. */
  #digits(value: number, count: number): void {
    const start = this.end;
    let rest = value | 0;
    for (let at = start + count - 1; at >= start; at--) {
      const quotient = (rest / 10) | 0;
      this.bytes[at] = ZERO + rest - 10 * quotient;
      rest = quotient;
    }
    this.end = start + count;
  }
}

function formatValue(value: number): string {
  if (value === Infinity) return '+Inf';
  return value === -Infinity ? '-Inf' : String(value);
}

/** Writes the fields of Protocol Buffers messages. Integers are exact up to 2^53, signed ones up to ±2^52. */
export class ProtobufWriter extends ByteWriter {
  uint(field: number, value: number): void {
    this.#tag(field, VARINT);
    this.varint(value);
  }

  sint(field: number, value: number): void {
    this.#tag(field, VARINT);
    this.varint(zigzag(value));
  }

  double(field: number, value: number): void {
    this.#tag(field, FIXED64);
    this.reserve(8);
    this.end = this.bytes.writeDoubleLE(value, this.end);
  }

  string(field: number, text: string): void {
    const size = Buffer.byteLength(text);
    this.#tag(field, DELIMITED);
    this.varint(size);
    this.reserve(size);
    this.end += this.bytes.write(text, this.end);
  }

  /** Writes a packed repeated sint64: the first value, then the difference of each value from the one before. */
  packedDeltas(field: number, values: ArrayLike<number>): void {
    this.message(field, () => {
      for (let at = 0; at < values.length; at++) this.varint(zigzag(values[at]! - (values[at - 1] ?? 0)));
    });
  }

  /** Writes a field whose content `write` writes. */
  message(field: number, write: () => void): void {
    this.#tag(field, DELIMITED);
    this.reserve(1);
    const start = ++this.end;
    write();
    const size = this.end - start;
    if (size >= 0x80) {
      // The length takes more than the one byte reserved for it.
      const extra = varintLength(size) - 1;
      this.reserve(extra);
      this.bytes.copyWithin(start + extra, start, this.end);
    }
    this.end = start - 1;
    this.varint(size);
    this.end += size;
  }

  /** Writes a number without a field, as it precedes each message of a delimited stream. */
  varint(value: number): void {
    this.reserve(LONGEST_VARINT);
    let rest = value;
    while (rest >= 0x80) {
      this.bytes[this.end++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.bytes[this.end++] = rest;
  }

  #tag(field: number, wireType: number): void {
    this.varint(field * 8 + wireType);
  }
}

/** Maps small numbers of either sign to small unsigned ones. */
function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++;
  return length;
}

import { ByteWriter } from './byte-writer.js';

/** Wire types of the Protocol Buffers encoding (https://protobuf.dev/programming-guides/encoding/). */
const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const LONGEST_VARINT = 10;

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

  /** A packed repeated sint64: the first value, and by how much each of the others differs from the one before. */
  packedDeltas(field: number, values: ArrayLike<number>): void {
    this.message(field, () => {
      for (let at = 0; at < values.length; at++) this.varint(zigzag(values[at]! - (values[at - 1] ?? 0)));
    });
  }

  /** A field whose content is what `write` writes. */
  message(field: number, write: () => void): void {
    this.#tag(field, DELIMITED);
    this.reserve(1);
    const start = ++this.end;
    write();
    const size = this.end - start;
    if (size >= 0x80) {
      // The length takes more than the one byte left for it.
      const extra = varintLength(size) - 1;
      this.reserve(extra);
      this.bytes.copyWithin(start + extra, start, this.end);
    }
    this.end = start - 1;
    this.varint(size);
    this.end += size;
  }

  /** A number without a field, as it stands before each message of a delimited stream. */
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

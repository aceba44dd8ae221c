import { ByteWriter } from './byte-writer.js';

const NEWLINE = 0x0a;
const DOT = 0x2e;
const ZERO = 0x30;
/** Of a number below 2^53, and more than the sign, point and exponent of any other. */
const LONGEST_NUMBER = 32;
/** Digits that are written at once: as many as a 32-bit integer holds for sure, and as a second has nanoseconds. */
const GROUP = 9;
const GROUP_SIZE = 1e9;

/** Writes lines of the text formats. */
export class TextWriter extends ByteWriter {
  /** What was written since the last time. It is valid until the next write, which goes into the same memory. */
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
   * A value at the end of a line, as text that a reader makes the same double of. Counts and sums of nanoseconds, which
   * are nearly all there is, are written digit by digit: it takes a fraction of the time that any double takes.
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

  /** As seconds. */
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

  /** The last `count` digits, leading zeros included. */
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

export function formatValue(value: number): string {
  if (value === Infinity) return '+Inf';
  return value === -Infinity ? '-Inf' : String(value);
}

const DEFAULT_CAPACITY = 4096;

/** Appends to a buffer that grows as needed: what the writers of both formats have in common. */
export class ByteWriter {
  protected bytes = Buffer.alloc(0);
  /** Where the next byte goes. */
  protected end = 0;

  /** @param capacity bytes that are expected between one `take` and the next */
  constructor(private readonly capacity = DEFAULT_CAPACITY) {}

  /** How many bytes `take` would answer. */
  get length(): number {
    return this.end;
  }

  /** What was written since the last time; what comes next goes into the rest of the same memory. */
  take(): Uint8Array {
    const taken = this.bytes.subarray(0, this.end);
    this.bytes = this.bytes.subarray(this.end);
    this.end = 0;
    return taken;
  }

  /** Bytes as they are to be. */
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

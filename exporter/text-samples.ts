import type { Histogram } from 'bpf-linker-napi';
import { familyHeader, type BucketLayout, type Family, type TextFormat } from './exposition.js';
import type { Samples } from './families.js';
import { NO_LABELS, type LabelSet } from './labels.js';
import type { TextWriter } from './text-writer.js';

const END_OF_LABELS = Buffer.from('} ');
const INFINITE_BUCKET = endOfBucket('+Inf');

/** Writes the samples of one family as lines, below its header if there are any. */
export class TextSamples implements Samples {
  container = NO_LABELS;
  readonly #name: Uint8Array;
  readonly #bucket: Uint8Array;
  readonly #sum: Uint8Array;
  readonly #count: Uint8Array;
  readonly #endsOfBuckets: readonly Uint8Array[];
  #isBegun = false;

  constructor(
    private readonly writer: TextWriter,
    private readonly family: Family,
    private readonly layout: BucketLayout,
    private readonly format: TextFormat,
  ) {
    const { name } = family;
    this.#name = Buffer.from(`${name}{`);
    this.#bucket = Buffer.from(`${name}_bucket{`);
    this.#sum = Buffer.from(`${name}_sum{`);
    this.#count = Buffer.from(`${name}_count{`);
    this.#endsOfBuckets = layout.le.map(endOfBucket);
  }

  value(labels: LabelSet, value: number): void {
    this.#line(this.#name, labels, END_OF_LABELS, value);
  }

  histogram(labels: LabelSet, { buckets, sum }: Histogram): void {
    const { lastBucket } = this.layout;
    let count = 0;
    let next = 0;
    for (let line = 0; line < lastBucket.length; line++) {
      while (next <= lastBucket[line]!) count += buckets[next++]!;
      this.#line(this.#bucket, labels, this.#endsOfBuckets[line]!, count);
    }
    while (next < buckets.length) count += buckets[next++]!;
    this.#line(this.#bucket, labels, INFINITE_BUCKET, count);
    this.#line(this.#sum, labels, END_OF_LABELS, sum);
    this.#line(this.#count, labels, END_OF_LABELS, count);
  }

  #line(name: Uint8Array, labels: LabelSet, end: Uint8Array, value: number): void {
    const { writer } = this;
    if (!this.#isBegun) {
      writer.text(familyHeader(this.family, this.format));
      this.#isBegun = true;
    }
    writer.encoded(name);
    writer.encoded(this.container.text);
    writer.encoded(labels.moreText);
    writer.encoded(end);
    writer.value(value);
  }
}

function endOfBucket(le: string): Uint8Array {
  return Buffer.from(`,le="${le}"} `);
}

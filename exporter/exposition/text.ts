import type { Histogram } from 'bpf-linker-napi';
import { familyHeader, type BucketLayout, type Family, type TextFormat } from './format.js';
import type { Samples } from '../series/families.js';
import { NO_LABELS, type LabelSet } from './labels.js';
import type { TextWriter } from './writers.js';

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
    this.#line(this.#name, labels.lastText, value);
  }

  histogram(labels: LabelSet, { buckets, sum }: Histogram): void {
    const { lastBucket } = this.layout;
    let count = 0;
    let next = 0;
    for (let line = 0; line < lastBucket.length; line++) {
      while (next <= lastBucket[line]!) count += buckets[next++]!;
      this.#bucketLine(labels, this.#endsOfBuckets[line]!, count);
    }
    while (next < buckets.length) count += buckets[next++]!;
    this.#bucketLine(labels, INFINITE_BUCKET, count);
    this.#line(this.#sum, labels.lastText, sum);
    this.#line(this.#count, labels.lastText, count);
  }

  #bucketLine(labels: LabelSet, end: Uint8Array, count: number): void {
    this.#begin(this.#bucket);
    if (labels !== NO_LABELS) this.writer.encoded(labels.moreText);
    this.writer.encoded(end);
    this.writer.value(count);
  }

  #line(name: Uint8Array, end: Uint8Array, value: number): void {
    this.#begin(name);
    this.writer.encoded(end);
    this.writer.value(value);
  }

  /** Up to the labels that the container has. */
  #begin(name: Uint8Array): void {
    const { writer } = this;
    if (!this.#isBegun) {
      writer.text(familyHeader(this.family, this.format));
      this.#isBegun = true;
    }
    writer.encoded(name);
    writer.encoded(this.container.text);
  }
}

function endOfBucket(le: string): Uint8Array {
  return Buffer.from(`,le="${le}"} `);
}

import type { Histogram } from 'bpf-linker-napi';
import type { Family, Samples, TextFormat } from './format.js';
import type { ClassicLayout } from './histogram.js';
import { NO_LABELS, type LabelSet } from './labels.js';
import type { TextWriter } from './writers.js';

const INFINITE_BUCKET = endOfBucket('+Inf');

/** Writes the samples of one family as lines. The header precedes the first of them. */
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
    private readonly layout: ClassicLayout,
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

  /** Begins a line, up to and including the container's labels. */
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

/** Returns the HELP and TYPE lines of a family. */
export function familyHeader({ name, help, type }: Family, format: TextFormat): string {
  const openMetrics = format === 'openmetrics';
  // In OpenMetrics the suffix belongs to the sample, not to the family.
  const family = openMetrics && type === 'counter' ? name.replace(/_total$/, '') : name;
  const text = help.replace(openMetrics ? /[\\"\n]/g : /[\\\n]/g, (char) =>
    char === '\n' ? '\\n' : `\\${char}`,
  );
  return `# HELP ${family} ${text}\n# TYPE ${family} ${type}\n`;
}

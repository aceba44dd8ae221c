import type { Histogram } from 'bpf-linker-napi';
import type { Family, Samples } from './format.js';
import { nativeBuckets, type ClassicLayout, type NativeLayout } from './histogram.js';
import { NO_LABELS, type LabelSet } from './labels.js';
import { ProtobufWriter } from './writers.js';

/*
 * Field numbers of the messages of package io.prometheus.client, from metrics.proto in
 * https://github.com/prometheus/client_model.
 */
const METRIC_TYPE = { counter: 0, gauge: 1, histogram: 4 } as const;
const FAMILY = { name: 1, help: 2, type: 3, metric: 4 } as const;
const METRIC = { gauge: 2, counter: 3, histogram: 7 } as const;
const VALUE = 1;
const HISTOGRAM = {
  sampleCount: 1,
  sampleSum: 2,
  bucket: 3,
  schema: 5,
  zeroThreshold: 6,
  zeroCount: 7,
  positiveSpan: 12,
  positiveDelta: 13,
} as const;
const BUCKET = { cumulativeCount: 1, upperBound: 2 } as const;
const SPAN = { offset: 1, length: 2 } as const;

/** Head of a family in a delimited stream, which its metrics follow: the length of the message and its first fields. */
export function familyHead({ name, help, type }: Family, metricBytes: number): Uint8Array {
  const fields = new ProtobufWriter(256);
  fields.string(FAMILY.name, name);
  fields.string(FAMILY.help, help);
  fields.uint(FAMILY.type, METRIC_TYPE[type]);
  const head = fields.take();
  const delimited = new ProtobufWriter(256);
  delimited.varint(head.length + metricBytes);
  delimited.encoded(head);
  return delimited.take();
}

export function writeValue(
  writer: ProtobufWriter,
  type: 'counter' | 'gauge',
  labels: readonly Uint8Array[],
  value: number,
): void {
  writeMetric(writer, labels, () => {
    writer.message(METRIC[type], () => {
      writer.double(VALUE, value);
    });
  });
}

/** A classic histogram: cumulative counts of every bucket but +Inf. */
export interface ClassicHistogram {
  readonly count: number;
  readonly sum: number;
  readonly buckets: readonly (readonly [upperBound: number, cumulativeCount: number])[];
}

/** @param writeMore writes further fields of the histogram */
export function writeHistogram(
  writer: ProtobufWriter,
  labels: readonly Uint8Array[],
  histogram: ClassicHistogram,
  writeMore?: () => void,
): void {
  writeMetric(writer, labels, () => {
    writer.message(METRIC.histogram, () => {
      writeClassicFields(writer, histogram);
      writeMore?.();
    });
  });
}

export interface HistogramLayouts {
  readonly classic: ClassicLayout;
  readonly native: NativeLayout;
}

function writeMetric(writer: ProtobufWriter, labels: readonly Uint8Array[], write: () => void): void {
  writer.message(FAMILY.metric, () => {
    for (const pairs of labels) writer.encoded(pairs);
    write();
  });
}

function writeClassicFields(writer: ProtobufWriter, { count, sum, buckets }: ClassicHistogram): void {
  writer.uint(HISTOGRAM.sampleCount, count);
  writer.double(HISTOGRAM.sampleSum, sum);
  for (const [upperBound, cumulativeCount] of buckets) {
    writer.message(HISTOGRAM.bucket, () => {
      writer.uint(BUCKET.cumulativeCount, cumulativeCount);
      writer.double(BUCKET.upperBound, upperBound);
    });
  }
}

function writeNativeFields(writer: ProtobufWriter, histogram: Histogram, layout: NativeLayout): void {
  const { zeroCount, offset, counts } = nativeBuckets(histogram, layout);
  writer.sint(HISTOGRAM.schema, 0);
  writer.double(HISTOGRAM.zeroThreshold, layout.zeroThreshold);
  writer.uint(HISTOGRAM.zeroCount, zeroCount);
  if (counts.length === 0) return;
  writer.message(HISTOGRAM.positiveSpan, () => {
    writer.sint(SPAN.offset, offset);
    writer.uint(SPAN.length, counts.length);
  });
  writer.packedDeltas(HISTOGRAM.positiveDelta, counts);
}

function classicHistogram({ buckets, sum }: Histogram, layout: ClassicLayout): ClassicHistogram {
  let count = 0;
  let next = 0;
  const exposed = layout.upperBound.map((bound, index) => {
    while (next <= layout.lastBucket[index]!) count += buckets[next++]!;
    return [bound, count] as const;
  });
  while (next < buckets.length) count += buckets[next++]!;
  return { count, sum, buckets: exposed };
}

/** Writes the samples of one family as the metrics of a MetricFamily message. */
export class ProtobufSamples implements Samples {
  container = NO_LABELS;

  /** @param valueType type of the values, in a family without histograms */
  constructor(
    private readonly writer: ProtobufWriter,
    private readonly valueType: 'counter' | 'gauge',
    private readonly layouts: HistogramLayouts,
  ) {}

  value(labels: LabelSet, value: number): void {
    writeValue(this.writer, this.valueType, [this.container.protobuf, labels.protobuf], value);
  }

  /** Writes both kinds of buckets into one message: the scraper's configuration decides which of them it keeps. */
  histogram(labels: LabelSet, histogram: Histogram): void {
    const { writer, layouts } = this;
    const all = [this.container.protobuf, labels.protobuf];
    writeHistogram(writer, all, classicHistogram(histogram, layouts.classic), () => {
      writeNativeFields(writer, histogram, layouts.native);
    });
  }
}

import type { Histogram } from 'bpf-linker-napi';
import type { BucketLayout, Family } from './format.js';
import { nativeBuckets, type NativeLayout } from './histogram.js';
import { ProtobufWriter } from './protobuf-writer.js';

/*
 * Messages of package io.prometheus.client and the numbers of their fields, from metrics.proto in
 * https://github.com/prometheus/client_model.
 */
const METRIC_TYPE = { counter: 0, gauge: 1, histogram: 4 } as const;
const FAMILY = { name: 1, help: 2, type: 3, metric: 4 } as const;
const METRIC = { label: 1, gauge: 2, counter: 3, histogram: 7 } as const;
const LABEL = { name: 1, value: 2 } as const;
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

/** What stands before the metrics of a family in a delimited stream: the length of the message, and its head. */
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

export function labelPairs(labels: Readonly<Record<string, string | number>>): Uint8Array {
  const writer = new ProtobufWriter(256);
  for (const [name, value] of Object.entries(labels)) {
    writer.message(METRIC.label, () => {
      writer.string(LABEL.name, name);
      writer.string(LABEL.value, String(value));
    });
  }
  return writer.take();
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

/** A classic histogram: an upper bound and the count of all observations up to it, but for +Inf. */
export interface ClassicHistogram {
  readonly count: number;
  readonly sum: number;
  readonly buckets: readonly (readonly [upperBound: number, cumulativeCount: number])[];
}

export function writeClassicHistogram(
  writer: ProtobufWriter,
  labels: readonly Uint8Array[],
  histogram: ClassicHistogram,
): void {
  writeMetric(writer, labels, () => {
    writer.message(METRIC.histogram, () => {
      writeClassicFields(writer, histogram);
    });
  });
}

export interface HistogramLayouts {
  readonly classic: BucketLayout;
  readonly native: NativeLayout;
}

/** Both kinds of buckets in one message: the scraper's configuration decides which of them it keeps. */
export function writeKernelHistogram(
  writer: ProtobufWriter,
  labels: readonly Uint8Array[],
  histogram: Histogram,
  layouts: HistogramLayouts,
): void {
  writeMetric(writer, labels, () => {
    writer.message(METRIC.histogram, () => {
      writeClassicFields(writer, classicHistogram(histogram, layouts.classic));
      writeNativeFields(writer, histogram, layouts.native);
    });
  });
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

function classicHistogram({ buckets, sum }: Histogram, layout: BucketLayout): ClassicHistogram {
  let count = 0;
  let next = 0;
  const exposed = layout.upperBound.map((bound, index) => {
    while (next <= layout.lastBucket[index]!) count += buckets[next++]!;
    return [bound, count] as const;
  });
  while (next < buckets.length) count += buckets[next++]!;
  return { count, sum, buckets: exposed };
}

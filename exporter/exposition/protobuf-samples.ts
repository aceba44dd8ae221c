import type { Histogram } from 'bpf-linker-napi';
import type { Samples } from '../series/families.js';
import { NO_LABELS, type LabelSet } from './labels.js';
import { writeKernelHistogram, writeValue, type HistogramLayouts } from './protobuf.js';
import type { ProtobufWriter } from './protobuf-writer.js';

/** Writes the samples of one family as the metrics of a MetricFamily message. */
export class ProtobufSamples implements Samples {
  container = NO_LABELS;

  /** @param valueType what values are, in a family without histograms */
  constructor(
    private readonly writer: ProtobufWriter,
    private readonly valueType: 'counter' | 'gauge',
    private readonly layouts: HistogramLayouts,
  ) {}

  value(labels: LabelSet, value: number): void {
    writeValue(this.writer, this.valueType, [this.container.protobuf, labels.protobuf], value);
  }

  histogram(labels: LabelSet, histogram: Histogram): void {
    writeKernelHistogram(this.writer, [this.container.protobuf, labels.protobuf], histogram, this.layouts);
  }
}

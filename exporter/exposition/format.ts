import type { Histogram } from 'bpf-linker-napi';
import type { LabelSet } from './labels.js';

export type TextFormat = 'text' | 'openmetrics';
export type Format = TextFormat | 'protobuf';

export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  protobuf: 'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited',
};

/** Empty piece of an exposition, which only gives other work of the process its turn. */
export const NOTHING = new Uint8Array();

/** OpenMetrics requires an end marker; the other formats have none. */
export const TRAILERS: Readonly<Record<Format, Uint8Array>> = {
  text: NOTHING,
  openmetrics: Buffer.from('# EOF\n'),
  protobuf: NOTHING,
};

export interface Family {
  /** As in the text format: a counter's name ends in `_total`. */
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
}

/** Writes the samples of one family, container after container, in one format. */
export interface Samples {
  /** Labels of the container that the next samples belong to. */
  container: LabelSet;
  /** @param labels - in addition to the container's */
  value(labels: LabelSet, value: number): void;
  histogram(labels: LabelSet, histogram: Histogram): void;
}

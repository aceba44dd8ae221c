import {
  familyHeader,
  formatBound,
  labelText,
  type Family,
  type Format,
  type TextFormat,
} from './format.js';
import { familyHead, labelPairs, writeClassicHistogram, writeValue } from './protobuf.js';
import { ProtobufWriter } from './protobuf-writer.js';
import { TextWriter } from './writers.js';

type Labels = Readonly<Record<string, string | number>>;

/** A metric as prom-client's `getMetricsAsJSON` has it; a histogram's lines are values of their own. */
export interface JsonMetric extends Family {
  readonly values: readonly JsonValue[];
}

interface JsonValue {
  readonly metricName?: string;
  readonly labels: Labels;
  readonly value: number;
}

/** prom-client cannot render one registry in several formats; its values in ours it can. */
export function renderMetric(metric: JsonMetric, format: Format): Uint8Array {
  if (metric.values.length === 0) return new Uint8Array();
  return format === 'protobuf' ? messageOf(metric) : linesOf(metric, format);
}

function linesOf(metric: JsonMetric, format: TextFormat): Uint8Array {
  const { name, values } = metric;
  const writer = new TextWriter();
  writer.text(familyHeader(metric, format));
  for (const { metricName = name, labels, value } of values) {
    const { le } = labels;
    const text = labelText(typeof le === 'number' ? { ...labels, le: formatBound(le, format) } : labels);
    writer.text(text === '' ? `${metricName} ` : `${metricName}{${text}} `);
    writer.value(value);
  }
  return writer.take();
}

/** The metric as a delimited MetricFamily message. */
function messageOf(metric: JsonMetric): Uint8Array {
  const { type, values } = metric;
  const writer = new ProtobufWriter();
  if (type === 'histogram') writeHistograms(writer, metric);
  else for (const { labels, value } of values) writeValue(writer, type, [labelPairs(labels)], value);
  const metrics = writer.take();
  return Buffer.concat([familyHead(metric, metrics.length), metrics]);
}

function writeHistograms(writer: ProtobufWriter, { name, values }: JsonMetric): void {
  const series = new Map<string, { labels: Labels; values: JsonValue[] }>();
  for (const value of values) {
    const labels = Object.fromEntries(Object.entries(value.labels).filter(([label]) => label !== 'le'));
    const key = labelText(labels);
    const known = series.get(key);
    if (known) known.values.push(value);
    else series.set(key, { labels, values: [value] });
  }
  for (const { labels, values: lines } of series.values()) {
    const one = (suffix: string) => lines.find(({ metricName }) => metricName === name + suffix)?.value ?? 0;
    const buckets = lines.flatMap(({ labels: { le }, value }) =>
      typeof le === 'number' ? [[le, value] as const] : [],
    );
    writeClassicHistogram(writer, [labelPairs(labels)], { count: one('_count'), sum: one('_sum'), buckets });
  }
}

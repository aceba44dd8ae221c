import type { MetricObjectWithValues, MetricValueWithName, Registry } from 'prom-client';
import { NOTHING, type Family, type Format, type TextFormat } from './format.js';
import { formatBound } from './histogram.js';
import { labelPairs, labelText, type Labels } from './labels.js';
import { familyHead, writeHistogram, writeValue } from './protobuf.js';
import { familyHeader } from './text.js';
import { ProtobufWriter, TextWriter } from './writers.js';

type Value = MetricValueWithName<string> & { readonly labels: Labels };

interface Metric extends Family {
  /** A histogram has one value per line. */
  readonly values: readonly Value[];
}

/**
 * Renders a registry in the exporter's formats: prom-client has one format per registry, and not protobuf.
 *
 * @param names metrics to render; all by default
 */
export async function renderRegistry(
  registry: Registry,
  format: Format,
  names?: ReadonlySet<string>,
): Promise<Uint8Array> {
  const metrics = (await registry.getMetricsAsJSON()).filter(({ name }) => names?.has(name) ?? true);
  return Buffer.concat(metrics.map((metric) => renderMetric(typed(metric), format)));
}

/** prom-client's declarations say that `type` is an enum; it is the name. */
function typed(metric: MetricObjectWithValues<MetricValueWithName<string>>): Metric {
  return metric as unknown as Metric;
}

function renderMetric(metric: Metric, format: Format): Uint8Array {
  if (metric.values.length === 0) return NOTHING;
  return format === 'protobuf' ? messageOf(metric) : linesOf(metric, format);
}

function linesOf(metric: Metric, format: TextFormat): Uint8Array {
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

/** Returns the metric as a delimited MetricFamily message. */
function messageOf(metric: Metric): Uint8Array {
  const { type, values } = metric;
  const writer = new ProtobufWriter();
  if (type === 'histogram') writeHistograms(writer, metric);
  else for (const { labels, value } of values) writeValue(writer, type, [labelPairs(labels)], value);
  const metrics = writer.take();
  return Buffer.concat([familyHead(metric, metrics.length), metrics]);
}

function writeHistograms(writer: ProtobufWriter, { name, values }: Metric): void {
  const series = new Map<string, { labels: Labels; values: Value[] }>();
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
    writeHistogram(writer, [labelPairs(labels)], { count: one('_count'), sum: one('_sum'), buckets });
  }
}

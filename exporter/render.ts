import type { ProbeName } from 'bpf-linker-napi';
import {
  bucketLayout,
  familyHeader,
  histogramLines,
  sampleLine,
  type BucketLayout,
  type LabelText,
  type TextFormat,
} from './exposition.js';
import {
  CONTAINER_FAMILIES,
  type ContainerFamily,
  type ContainerSeries,
  type ValueFamily,
} from './families.js';
import { LabelSet, NO_LABELS } from './labels.js';
import { familyHead, writeKernelHistogram, writeValue, type HistogramLayouts } from './metric-family.js';
import { nativeLayout } from './native-histogram.js';
import type { ContainerIdentity } from './pods.js';
import { ProtobufWriter } from './protobuf.js';

export interface RenderOptions {
  /** Probes that are attached; families of the others are left out. */
  readonly probes: ReadonlySet<ProbeName>;
  /** Upper bounds of the kernel's buckets, by unit. */
  readonly bounds: Readonly<Record<'seconds' | 'bytes', readonly number[]>>;
}

/** Containers per chunk: few enough that other requests are served between two chunks. */
const CHUNK = 64;
/** A container's labels never change. */
const identityLabels = new WeakMap<ContainerIdentity, LabelSet>();

/** Renders all families of all containers as text, in chunks of a bounded size. */
export function* renderContainers(
  series: readonly ContainerSeries[],
  { format, probes, bounds }: RenderOptions & { readonly format: TextFormat },
): Generator<string> {
  const layouts = {
    seconds: bucketLayout(bounds.seconds, format),
    bytes: bucketLayout(bounds.bytes, format),
  };
  for (const family of measuredBy(probes)) {
    const lines = linesOf(family, layouts);
    let header = familyHeader(family, format);
    for (const some of chunks(series)) {
      const chunk = some.map(lines).join('');
      if (chunk === '') continue;
      yield header + chunk;
      header = '';
    }
  }
}

/**
 * Encodes all families of all containers as delimited MetricFamily messages. A family's length comes before its
 * metrics, so chunks are held back until the last is done; an empty one tells that time has passed.
 */
export function* encodeContainers(
  series: readonly ContainerSeries[],
  { probes, bounds }: RenderOptions,
): Generator<Uint8Array> {
  const layouts = { seconds: histogramLayouts(bounds.seconds), bytes: histogramLayouts(bounds.bytes) };
  for (const family of measuredBy(probes)) {
    const metrics: Uint8Array[] = [];
    for (const some of chunks(series)) {
      const writer = new ProtobufWriter();
      for (const one of some) writeMetrics(writer, family, one, layouts);
      metrics.push(writer.finish());
      yield new Uint8Array();
    }
    const size = metrics.reduce((sum, { length }) => sum + length, 0);
    if (size === 0) continue;
    yield familyHead(family, size);
    yield* metrics;
  }
}

function measuredBy(probes: ReadonlySet<ProbeName>): readonly ContainerFamily[] {
  return CONTAINER_FAMILIES.filter(({ probe }) => probe === undefined || probes.has(probe));
}

function* chunks<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < all.length; start += CHUNK) yield all.slice(start, start + CHUNK);
}

function linesOf(
  family: ContainerFamily,
  layouts: Record<'seconds' | 'bytes', BucketLayout>,
): (series: ContainerSeries) => string {
  const { name } = family;
  if (family.type !== 'histogram') {
    return (series) => {
      let lines = '';
      for (const [extra, value] of valuesOf(family, series)) {
        lines += sampleLine(name, join(labelsOf(series.identity), extra), value);
      }
      return lines;
    };
  }
  const layout = layouts[family.unit];
  return (series) => {
    let lines = '';
    for (const [extra, histogram] of family.histograms(series)) {
      lines += histogramLines(name, join(labelsOf(series.identity), extra), histogram, layout);
    }
    return lines;
  };
}

function writeMetrics(
  writer: ProtobufWriter,
  family: ContainerFamily,
  series: ContainerSeries,
  layouts: Record<'seconds' | 'bytes', HistogramLayouts>,
): void {
  const labels = labelsOf(series.identity).protobuf;
  if (family.type !== 'histogram') {
    for (const [extra, value] of valuesOf(family, series)) {
      writeValue(writer, family.type, [labels, extra.protobuf], value);
    }
    return;
  }
  for (const [extra, histogram] of family.histograms(series)) {
    writeKernelHistogram(writer, [labels, extra.protobuf], histogram, layouts[family.unit]);
  }
}

/** A container that has ended has no gauges any more. */
function valuesOf(family: ValueFamily, series: ContainerSeries): ReturnType<ValueFamily['values']> {
  return family.type === 'gauge' && !series.live ? [] : family.values(series);
}

function histogramLayouts(bounds: readonly number[]): HistogramLayouts {
  return { classic: bucketLayout(bounds, 'text'), native: nativeLayout(bounds) };
}

function labelsOf(identity: ContainerIdentity): LabelSet {
  let labels = identityLabels.get(identity);
  if (labels === undefined) {
    const { namespace, pod, container, workload, workloadKind } = identity;
    labels = new LabelSet({ namespace, pod, container, workload, workload_kind: workloadKind });
    identityLabels.set(identity, labels);
  }
  return labels;
}

function join(labels: LabelSet, extra: LabelSet): LabelText {
  return extra === NO_LABELS ? labels.text : `${labels.text},${extra.text}`;
}

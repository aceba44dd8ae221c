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
  type HistogramFamily,
  type ValueFamily,
} from './families.js';
import { LabelSet, NO_LABELS } from './labels.js';
import { familyHead, writeKernelHistogram, writeValue } from './metric-family.js';
import { nativeLayout } from './native-histogram.js';
import type { ContainerIdentity } from './pods.js';
import { ProtobufWriter } from './protobuf.js';

export interface RenderOptions {
  /** BPF programs that are attached; families of the others are left out. */
  readonly programs: ReadonlySet<string>;
  /** Upper bounds of the kernel's buckets, by unit. */
  readonly bounds: Readonly<Record<'seconds' | 'bytes', readonly number[]>>;
  /** Every bound that is a power of four, and the families that are left out otherwise. */
  readonly detail: boolean;
}

/** Containers per chunk: few enough that other requests are served between two chunks. */
const CHUNK = 64;
/** A container's labels never change. */
const identityLabels = new WeakMap<ContainerIdentity, LabelSet>();

/** Renders all families of all containers as text, in chunks of a bounded size. */
export function* renderContainers(
  series: readonly ContainerSeries[],
  options: RenderOptions & { readonly format: TextFormat },
): Generator<string> {
  const { format } = options;
  for (const family of familiesOf(options)) {
    const lines = linesOf(family, options);
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
  options: RenderOptions,
): Generator<Uint8Array> {
  for (const family of familiesOf(options)) {
    const write = writerOf(family, options);
    const metrics: Uint8Array[] = [];
    for (const some of chunks(series)) {
      const writer = new ProtobufWriter();
      for (const one of some) write(writer, one);
      metrics.push(writer.finish());
      yield new Uint8Array();
    }
    const size = metrics.reduce((sum, { length }) => sum + length, 0);
    if (size === 0) continue;
    yield familyHead(family, size);
    yield* metrics;
  }
}

function familiesOf({ programs, detail }: RenderOptions): readonly ContainerFamily[] {
  return CONTAINER_FAMILIES.filter(
    ({ program, detailOnly }) => (program === undefined || programs.has(program)) && (detail || !detailOnly),
  );
}

function layoutOf(
  { unit, coarse }: HistogramFamily,
  { bounds, detail }: RenderOptions,
  format: TextFormat,
): BucketLayout {
  return bucketLayout(bounds[unit], format, detail ? undefined : coarse);
}

function* chunks<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < all.length; start += CHUNK) yield all.slice(start, start + CHUNK);
}

function linesOf(
  family: ContainerFamily,
  options: RenderOptions & { readonly format: TextFormat },
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
  const layout = layoutOf(family, options, options.format);
  return (series) => {
    let lines = '';
    for (const [extra, histogram] of family.histograms(series)) {
      lines += histogramLines(name, join(labelsOf(series.identity), extra), histogram, layout);
    }
    return lines;
  };
}

function writerOf(
  family: ContainerFamily,
  options: RenderOptions,
): (writer: ProtobufWriter, series: ContainerSeries) => void {
  if (family.type !== 'histogram') {
    return (writer, series) => {
      const labels = labelsOf(series.identity).protobuf;
      for (const [extra, value] of valuesOf(family, series)) {
        writeValue(writer, family.type, [labels, extra.protobuf], value);
      }
    };
  }
  const layouts = {
    classic: layoutOf(family, options, 'text'),
    native: nativeLayout(options.bounds[family.unit]),
  };
  return (writer, series) => {
    const labels = labelsOf(series.identity).protobuf;
    for (const [extra, histogram] of family.histograms(series)) {
      writeKernelHistogram(writer, [labels, extra.protobuf], histogram, layouts);
    }
  };
}

/** A container that has ended has no gauges any more. */
function valuesOf(family: ValueFamily, series: ContainerSeries): ReturnType<ValueFamily['values']> {
  return family.type === 'gauge' && !series.live ? [] : family.values(series);
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

import { oncePer } from '../../common/once.js';
import { NOTHING, type Format, type Samples, type TextFormat } from '../exposition/format.js';
import { classicLayout, nativeLayout } from '../exposition/histogram.js';
import { LabelSet } from '../exposition/labels.js';
import { familyHead, ProtobufSamples, type HistogramLayouts } from '../exposition/protobuf.js';
import { TextSamples } from '../exposition/text.js';
import { ProtobufWriter, TextWriter } from '../exposition/writers.js';
import type { ContainerIdentity } from '../identity/source.js';
import { CONTAINER_FAMILIES, type ContainerFamily, type ContainerSeries } from './families.js';

export interface RenderOptions {
  /** BPF programs that are attached. Families of the others are left out. */
  readonly programs: ReadonlySet<string>;
  /** Upper bounds of the kernel's buckets, by unit. */
  readonly bounds: Readonly<Record<'seconds' | 'bytes', readonly number[]>>;
  /** Exposes every bound that is a power of four, and the families that are left out otherwise. */
  readonly detail: boolean;
}

/** Bytes after which other work of the process gets its turn: they take less than a millisecond. */
const PIECE = 112 * 1024;
/** Leaves room for what the last container adds. */
const CAPACITY = 120 * 1024;
const NO_LAYOUTS: HistogramLayouts = { classic: classicLayout([], 'text'), native: nativeLayout([0]) };

/**
 * Renders all families of all containers, in pieces between which other work gets its turn; some are empty. A piece is
 * valid until the next is requested.
 */
export function renderContainers(
  series: readonly ContainerSeries[],
  options: RenderOptions,
  format: Format,
): Generator<Uint8Array> {
  return format === 'protobuf' ? protobufOf(series, options) : textOf(series, options, format);
}

function* textOf(
  series: readonly ContainerSeries[],
  options: RenderOptions,
  format: TextFormat,
): Generator<Uint8Array> {
  const writer = new TextWriter(CAPACITY);
  for (const family of familiesOf(options)) {
    const { classic } = layoutsOf(family, options, format);
    yield* piecesOf(family, series, new TextSamples(writer, family, classic, format), writer);
  }
  yield writer.take();
}

/** Renders delimited MetricFamily messages. A family begins with its length, so its pieces wait for the last of them. */
function* protobufOf(series: readonly ContainerSeries[], options: RenderOptions): Generator<Uint8Array> {
  const writer = new ProtobufWriter(CAPACITY);
  for (const family of familiesOf(options)) {
    const valueType = family.type === 'gauge' ? 'gauge' : 'counter';
    const samples = new ProtobufSamples(writer, valueType, layoutsOf(family, options, 'text'));
    const metrics: Uint8Array[] = [];
    for (const piece of piecesOf(family, series, samples, writer)) {
      metrics.push(piece);
      yield NOTHING;
    }
    metrics.push(writer.take());
    const size = metrics.reduce((sum, { length }) => sum + length, 0);
    if (size === 0) continue;
    yield familyHead(family, size);
    yield* metrics;
  }
}

/** Writes one family, and yields every piece that is full. */
function* piecesOf(
  family: ContainerFamily,
  series: readonly ContainerSeries[],
  samples: Samples,
  writer: TextWriter | ProtobufWriter,
): Generator<Uint8Array> {
  for (const one of series) {
    if (family.type === 'gauge' && !one.live) continue;
    samples.container = labelsOf(one.identity);
    family.collect(one, samples);
    if (writer.length >= PIECE) yield writer.take();
  }
}

function familiesOf({ programs, detail }: RenderOptions): readonly ContainerFamily[] {
  return CONTAINER_FAMILIES.filter(
    ({ program, detailOnly }) => (program === undefined || programs.has(program)) && (detail || !detailOnly),
  );
}

function layoutsOf(
  family: ContainerFamily,
  { bounds, detail }: RenderOptions,
  format: TextFormat,
): HistogramLayouts {
  if (family.type !== 'histogram') return NO_LAYOUTS;
  return {
    classic: classicLayout(bounds[family.unit], format, detail ? undefined : family.coarse),
    native: nativeLayout(bounds[family.unit]),
  };
}

/** Labels that every series of a container has. */
export const labelsOf = oncePer(
  ({ namespace, pod, container, workload, workloadKind }: ContainerIdentity) =>
    new LabelSet({ namespace, pod, container, workload, workload_kind: workloadKind }),
);

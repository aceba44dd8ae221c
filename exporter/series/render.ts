import { oncePer } from '../../common/once.js';
import { NOTHING, type Format, type Samples, type TextFormat } from '../exposition/format.js';
import { classicLayout, nativeLayout } from '../exposition/histogram.js';
import { LabelSet } from '../exposition/labels.js';
import { familyHead, ProtobufSamples, type HistogramLayouts } from '../exposition/protobuf.js';
import { TextSamples } from '../exposition/text.js';
import { ProtobufWriter, TextWriter } from '../exposition/writers.js';
import type { ContainerIdentity } from '../identity/source.js';
import type { ContainerSeries } from './counters.js';
import { FAMILIES, type ContainerFamily } from './families.js';
import type { Descriptor } from './descriptor.js';

export interface RenderOptions {
  /** BPF programs that are attached. Families of the others are left out. */
  readonly programs: ReadonlySet<string>;
  /** Upper bounds of the kernel's buckets, by unit. */
  readonly bounds: Readonly<Record<'seconds' | 'bytes', readonly number[]>>;
  /** Exposes every bound that is a power of four, and what the line limit leaves out. */
  readonly detail: boolean;
  /** Families to render, by name; undefined: all. */
  readonly names?: ReadonlySet<string> | undefined;
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
  const containers = series.map(labelled);
  for (const family of familiesOf(options)) {
    const { classic } = layoutsOf(family.descriptor, options, format);
    yield* piecesOf(family, containers, new TextSamples(writer, family.descriptor, classic, format), writer);
  }
  yield writer.take();
}

/** Renders delimited MetricFamily messages. A family begins with its length, so its pieces wait for the last of them. */
function* protobufOf(series: readonly ContainerSeries[], options: RenderOptions): Generator<Uint8Array> {
  const writer = new ProtobufWriter(CAPACITY);
  const containers = series.map(labelled);
  for (const family of familiesOf(options)) {
    const { descriptor } = family;
    const valueType = descriptor.type === 'gauge' ? 'gauge' : 'counter';
    const samples = new ProtobufSamples(writer, valueType, layoutsOf(descriptor, options, 'text'));
    const metrics: Uint8Array[] = [];
    for (const piece of piecesOf(family, containers, samples, writer)) {
      metrics.push(piece);
      yield NOTHING;
    }
    metrics.push(writer.take());
    const size = metrics.reduce((sum, { length }) => sum + length, 0);
    if (size === 0) continue;
    yield familyHead(descriptor, size);
    yield* metrics;
  }
}

/** Writes one family, and yields every piece that is full. */
function* piecesOf(
  { descriptor, collect }: ContainerFamily,
  containers: readonly LabelledSeries[],
  samples: Samples,
  writer: TextWriter | ProtobufWriter,
): Generator<Uint8Array> {
  for (const { series, labels } of containers) {
    if (!isExported(descriptor, series)) continue;
    samples.container = labels;
    collect(series, samples);
    if (writer.length >= PIECE) yield writer.take();
  }
}

function isExported(descriptor: Descriptor, { identity, live, opaque }: ContainerSeries): boolean {
  if (descriptor.type === 'gauge' && !live) return false;
  if (identity.isRestOfPod && !descriptor.ofRestOfPod) return false;
  return opaque === undefined || !('program' in descriptor) || descriptor.of === 'states';
}

/** Families of the programs that are attached; where none is, cgroups know the CPU time. */
function familiesOf({ programs, detail, names }: RenderOptions): readonly ContainerFamily[] {
  return FAMILIES[detail ? 'detail' : 'limited'].filter(
    ({ descriptor }) =>
      (names?.has(descriptor.name) ?? true) &&
      (!('program' in descriptor) ||
        programs.has(descriptor.program) ||
        (programs.size === 0 && descriptor.of === 'states')),
  );
}

function layoutsOf(
  descriptor: Descriptor,
  { bounds, detail }: RenderOptions,
  format: TextFormat,
): HistogramLayouts {
  if (descriptor.type !== 'histogram') return NO_LAYOUTS;
  const { unit, coarse } = descriptor;
  return {
    classic: classicLayout(bounds[unit], format, detail ? undefined : coarse),
    native: nativeLayout(bounds[unit]),
  };
}

/** Labels that every series of a container has. */
export const labelsOf = oncePer(
  ({ namespace, pod, container, workload, workloadKind }: ContainerIdentity) =>
    new LabelSet({ namespace, pod, container, workload, workload_kind: workloadKind }),
);

interface LabelledSeries {
  readonly series: ContainerSeries;
  readonly labels: LabelSet;
}

function labelled(series: ContainerSeries): LabelledSeries {
  return { series, labels: labelsOf(series.identity) };
}

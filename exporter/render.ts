import type { ProbeName } from 'bpf-linker-napi';
import {
  bucketLayout,
  familyHeader,
  histogramLines,
  labelText,
  sampleLine,
  type BucketLayout,
  type Format,
  type LabelText,
} from './exposition.js';
import { CONTAINER_FAMILIES, type ContainerFamily, type ContainerSeries } from './families.js';
import type { ContainerIdentity } from './pods.js';

export interface RenderOptions {
  readonly format: Format;
  /** Probes that are attached; families of the others are left out. */
  readonly probes: ReadonlySet<ProbeName>;
  /** Upper bounds of the kernel's buckets, by unit. */
  readonly bounds: Readonly<Record<'seconds' | 'bytes', readonly number[]>>;
}

/** Containers per chunk: few enough that other requests are served between two chunks. */
const CHUNK = 64;
/** Rendering the labels is most of the work of a short line, and a container's never change. */
const identityLabels = new WeakMap<ContainerIdentity, LabelText>();

/** Renders all families of all containers, in chunks of a bounded size. */
export function* renderContainers(
  series: readonly ContainerSeries[],
  { format, probes, bounds }: RenderOptions,
): Generator<string> {
  if (series.length === 0) return;
  const layouts = {
    seconds: bucketLayout(bounds.seconds, format),
    bytes: bucketLayout(bounds.bytes, format),
  };
  for (const family of CONTAINER_FAMILIES) {
    if (family.probe !== undefined && !probes.has(family.probe)) continue;
    const lines = linesOf(family, layouts);
    let header = familyHeader(family, format);
    for (let start = 0; start < series.length; start += CHUNK) {
      const chunk = series
        .slice(start, start + CHUNK)
        .map(lines)
        .join('');
      if (chunk === '') continue;
      yield header + chunk;
      header = '';
    }
  }
}

function linesOf(
  family: ContainerFamily,
  layouts: Record<'seconds' | 'bytes', BucketLayout>,
): (series: ContainerSeries) => string {
  const { name } = family;
  if (family.type !== 'histogram') {
    return (series) => {
      if (family.type === 'gauge' && !series.live) return '';
      let lines = '';
      for (const [extra, value] of family.values(series)) {
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

function labelsOf(identity: ContainerIdentity): LabelText {
  let labels = identityLabels.get(identity);
  if (labels === undefined) {
    const { namespace, pod, container, workload, workloadKind } = identity;
    labels = labelText({ namespace, pod, container, workload, workload_kind: workloadKind });
    identityLabels.set(identity, labels);
  }
  return labels;
}

function join(labels: LabelText, extra: LabelText): LabelText {
  return extra === '' ? labels : `${labels},${extra}`;
}

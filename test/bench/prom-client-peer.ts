import type { Histogram } from 'bpf-linker-napi';
import { Registry, type Metric } from 'prom-client';
import { classicLayout, type ClassicLayout } from '../../exporter/exposition/histogram.js';
import type { ContainerSeries } from '../../exporter/series/counters.js';
import type { Descriptor } from '../../exporter/series/descriptor.js';
import { FAMILIES } from '../../exporter/series/families.js';
import type { Samples } from '../../exporter/exposition/format.js';
import { type LabelSet, NO_LABELS } from '../../exporter/exposition/labels.js';
import { labelsOf } from '../../exporter/series/render.js';
import { BOUNDS } from '../unit/exporter/fixtures.js';

type Labels = Readonly<Record<string, string | number>>;

/** A sample as prom-client's own metrics pass it to its registry. */
interface Sample {
  readonly metricName: string;
  readonly labels: Labels;
  /** Rendered once per object, as prom-client does for its histograms. */
  readonly sharedLabels?: Labels;
  readonly value: number;
}

/** Builds a registry with the same families and samples, ready to be rendered. */
export function promClientRegistry(series: readonly ContainerSeries[], detail: boolean): Registry {
  const registry = new Registry();
  for (const { descriptor, collect } of FAMILIES[detail ? 'detail' : 'limited']) {
    const { name, help, type } = descriptor;
    const collector = new Collector(descriptor, detail);
    for (const one of series) {
      collector.container = labelsOf(one.identity);
      collect(one, collector);
    }
    const metric = { name, help, type, values: collector.samples };
    registry.registerMetric({ ...metric, get: () => Promise.resolve(metric) } as unknown as Metric);
  }
  return registry;
}

/** Collects the samples of one family as prom-client does for its own metrics. */
class Collector implements Samples {
  container = NO_LABELS;
  readonly samples: Sample[] = [];
  readonly #name: string;
  readonly #layout: ClassicLayout;

  constructor(descriptor: Descriptor, detail: boolean) {
    const isHistogram = descriptor.type === 'histogram';
    const bounds = isHistogram ? BOUNDS[descriptor.unit] : [];
    this.#name = descriptor.name;
    this.#layout = classicLayout(bounds, 'text', isHistogram && !detail ? descriptor.coarse : undefined);
  }

  value({ pairs }: LabelSet, value: number): void {
    this.samples.push({ metricName: this.#name, labels: { ...this.container.pairs, ...pairs }, value });
  }

  histogram({ pairs }: LabelSet, { buckets, sum }: Histogram): void {
    const { le, lastBucket } = this.#layout;
    const sharedLabels = { ...this.container.pairs, ...pairs };
    const add = (suffix: string, labels: Labels, value: number) => {
      this.samples.push({ metricName: this.#name + suffix, labels, sharedLabels, value });
    };
    let count = 0;
    let next = 0;
    for (const [line, bound] of le.entries()) {
      while (next <= lastBucket[line]!) count += buckets[next++]!;
      add('_bucket', { le: bound }, count);
    }
    while (next < buckets.length) count += buckets[next++]!;
    add('_bucket', { le: '+Inf' }, count);
    add('_sum', {}, sum);
    add('_count', {}, count);
  }
}

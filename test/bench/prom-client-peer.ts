import { Registry, type Metric } from 'prom-client';
import { bucketLayout, type BucketLayout } from '../../exporter/exposition.js';
import { CONTAINER_FAMILIES, type ContainerFamily, type ContainerSeries } from '../../exporter/families.js';
import type { ContainerIdentity } from '../../exporter/pods.js';
import { BOUNDS } from '../unit/exporter-fixtures.js';

type Labels = Readonly<Record<string, string | number>>;

/** A sample as prom-client's own metrics hand them to its registry. */
interface Sample {
  readonly metricName: string;
  readonly labels: Labels;
  /** Rendered once per object, as prom-client's histograms have it. */
  readonly sharedLabels?: Labels;
  readonly value: number;
}

/** A registry with the same families and the same samples, ready to be rendered: what comes before is not counted. */
export function promClientRegistry(series: readonly ContainerSeries[], detail: boolean): Registry {
  const registry = new Registry();
  for (const family of CONTAINER_FAMILIES) {
    const { name, help, type, detailOnly } = family;
    if (detailOnly && !detail) continue;
    const metric = { name, help, type, values: series.flatMap((one) => samplesOf(family, one, detail)) };
    registry.registerMetric({ ...metric, get: () => Promise.resolve(metric) } as unknown as Metric);
  }
  return registry;
}

function samplesOf(family: ContainerFamily, series: ContainerSeries, detail: boolean): Sample[] {
  const { name } = family;
  const common = labelsOf(series.identity);
  if (family.type !== 'histogram') {
    return family
      .values(series)
      .map(([extra, value]) => ({ metricName: name, labels: { ...common, ...extra.pairs }, value }));
  }
  const layout = bucketLayout(BOUNDS[family.unit], 'text', detail ? undefined : family.coarse);
  return family.histograms(series).flatMap(([extra, { buckets, sum }]) => {
    const sharedLabels = { ...common, ...extra.pairs };
    const count = total(buckets);
    const lines = [
      ...bucketSamples(name, buckets, layout),
      { metricName: `${name}_bucket`, labels: { le: '+Inf' }, value: count },
      { metricName: `${name}_sum`, labels: {}, value: sum },
      { metricName: `${name}_count`, labels: {}, value: count },
    ];
    return lines.map((sample) => ({ ...sample, sharedLabels }));
  });
}

function bucketSamples(name: string, buckets: Float64Array, { le, lastBucket }: BucketLayout): Sample[] {
  return le.map((bound, line) => ({
    metricName: `${name}_bucket`,
    labels: { le: bound },
    value: total(buckets.subarray(0, lastBucket[line]! + 1)),
  }));
}

function labelsOf({ namespace, pod, container, workload, workloadKind }: ContainerIdentity): Labels {
  return { namespace, pod, container, workload, workload_kind: workloadKind };
}

function total(counts: Float64Array): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

import type { Counters, Histogram } from 'bpf-linker-napi';
import { oncePer } from '../../common/once.js';
import type { Samples } from '../exposition/format.js';
import { isEmpty } from '../exposition/histogram.js';
import { LabelSet, NO_LABELS, remembered, type Labels } from '../exposition/labels.js';
import type { ContainerIdentity } from '../identity/source.js';
import type { ContainerSeries } from './counters.js';
import {
  ENTRIES,
  type CounterDescriptor,
  type Descriptor,
  type HistogramDescriptor,
  type IdentityDescriptor,
} from './descriptor.js';
import { DESCRIPTORS } from './descriptors.js';

export interface ContainerFamily {
  readonly descriptor: Descriptor;
  /** Writes the samples of one container. */
  readonly collect: Collect;
}

type Collect = (series: ContainerSeries, samples: Samples) => void;
type Entry = Counters<string, string>;

/** Fields of a container's counters, by kind of descriptor. */
const VALUES = { states: 'stateSeconds', serving: 'servingSeconds', container: 'scalars' } as const;

/** Families in the order of the exposition, with `--histograms.detail` and without. */
export const FAMILIES: Readonly<Record<'detail' | 'limited', readonly ContainerFamily[]>> = {
  detail: DESCRIPTORS.map((descriptor) => ({ descriptor, collect: collector(descriptor, true) })),
  limited: DESCRIPTORS.filter((descriptor) => !('kept' in descriptor && descriptor.kept.length === 0)).map(
    (descriptor) => ({ descriptor, collect: collector(descriptor, false) }),
  ),
};

function collector(descriptor: Descriptor, detail: boolean): Collect {
  if (descriptor.of === 'identity') return identityCollector(descriptor);
  if (descriptor.of === 'pod') return collectStarved;
  if (descriptor.of === 'opaque') return collectOpaque;
  return 'series' in descriptor ? containerCollector(descriptor, detail) : entryCollector(descriptor);
}

function identityCollector({ labels, value }: IdentityDescriptor): Collect {
  const pairs = Object.entries(labels ?? {});
  const labelsOf = oncePer(
    (identity: ContainerIdentity) =>
      new LabelSet(Object.fromEntries(pairs.map(([name, field]) => [name, identity[field]]))),
  );
  return ({ identity }, samples) => {
    const number = value(identity);
    if (number !== undefined) samples.value(pairs.length === 0 ? NO_LABELS : labelsOf(identity), number);
  };
}

function collectStarved({ starvedSeconds }: ContainerSeries, samples: Samples): void {
  if (starvedSeconds !== undefined) samples.value(NO_LABELS, starvedSeconds);
}

function collectOpaque({ opaque }: ContainerSeries, samples: Samples): void {
  if (opaque !== undefined) samples.value(opaqueLabels(opaque), 1);
}

const opaqueLabels = remembered((reason) => new LabelSet({ reason }));

type Measured = CounterDescriptor | HistogramDescriptor;

function containerCollector(descriptor: Extract<Measured, { series: unknown }>, detail: boolean): Collect {
  const { series, kept } = descriptor;
  const counters = Object.entries(series)
    .filter(([name]) => detail || kept === undefined || kept.some((one) => one === name))
    .map(([name, labels]) => ({ name, labels: labelSet(labels) }));
  if (descriptor.type === 'histogram') {
    return (one, samples) => {
      const histograms: Readonly<Record<string, Histogram>> = one.counters.histograms;
      for (const { name, labels } of counters) writeHistogram(samples, labels, histograms[name]!);
    };
  }
  const field = VALUES[descriptor.of];
  const { onlyWith, divisor = 1 } = descriptor;
  const rare = new Set<string>('rare' in descriptor ? descriptor.rare : undefined);
  return (one, samples) => {
    if (one.opaque !== undefined) {
      writeCpuTime(one, samples);
      return;
    }
    if (onlyWith !== undefined && isUnused(one.counters, onlyWith)) return;
    const values: Readonly<Record<string, number>> = one.counters[field];
    for (const { name, labels } of counters)
      if (values[name] !== 0 || !rare.has(name)) samples.value(labels, values[name]! / divisor);
  };
}

const ONCPU = new LabelSet({ state: 'oncpu' });

/** A container without CPU time has never run in its own cgroup. */
function writeCpuTime({ counters: { stateSeconds } }: ContainerSeries, samples: Samples): void {
  if (stateSeconds.oncpu > 0) samples.value(ONCPU, stateSeconds.oncpu);
}

function entryCollector(descriptor: Exclude<Measured, { series: unknown }>): Collect {
  const { of, counter } = descriptor;
  const labelsOf = ENTRIES[of].labels as (entry: Entry) => LabelSet;
  if (descriptor.type === 'histogram') {
    return ({ counters }, samples) => {
      const entries: readonly Entry[] = counters[of];
      for (const entry of entries) writeHistogram(samples, labelsOf(entry), entry.histograms[counter]!);
    };
  }
  const { onlyWith, divisor = 1 } = descriptor;
  return ({ counters }, samples) => {
    const entries: readonly Entry[] = counters[of];
    for (const entry of entries) {
      if (onlyWith !== undefined && isUnused(entry, onlyWith)) continue;
      samples.value(labelsOf(entry), entry.scalars[counter]! / divisor);
    }
  };
}

/** True while the histogram has no observations, or the counter is 0. */
export function isUnused({ histograms, scalars }: Entry, name: string): boolean {
  const histogram = histograms[name];
  return histogram ? isEmpty(histogram) : scalars[name] === 0;
}

/** A histogram appears with its first observation and never disappears, so an idle container takes few lines. */
function writeHistogram(samples: Samples, labels: LabelSet, histogram: Histogram): void {
  if (!isEmpty(histogram)) samples.histogram(labels, histogram);
}

function labelSet(labels: Labels): LabelSet {
  return Object.keys(labels).length === 0 ? NO_LABELS : new LabelSet(labels);
}

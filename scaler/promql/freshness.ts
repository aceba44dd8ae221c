import { parser } from '@prometheus-io/lezer-promql';
import { oncePer } from '../../common/once.js';
import { workloadKey, type Absent, type WorkloadKey } from '../core/types.js';
import { matchersIn, withMatchers } from './matchers.js';
import { missingSelector } from './needs.js';
import type { VectorSample } from './response.js';
import { isRepeated, repeatedOf, repeatedSeries, type Repeated } from './repeated.js';
import { WORKLOAD } from './signals.js';
import { selectorsOf } from './syntax.js';

/** Every tracked container has this series in every scrape, so its age is the age of all the exporter's data. */
export const HEARTBEAT = 'kernscale_state_seconds_total{state="oncpu"}';

/** Begins the names of the exporter's metrics, and of what is recorded from them. */
const EXPORTED = 'kernscale';
/** Labels that the exporter gives its metrics. */
const OWN_LABELS = new Set(
  'namespace pod container workload workload_kind image container_id state reason mode op device peer le'.split(
    ' ',
  ),
);

/**
 * Queries for the age of the data behind an expression, and for series that the exporter's data has repeatedly.
 *
 * An instant query stamps its result with the evaluation time, and `rate()` returns values from a range long after
 * the last scrape; only `timestamp()` of a raw series is the time of its scrape. All metrics of the exporter share one
 * query; any other metric costs one of its own. An expression without a selector (`vector(1)`) has none and is as old
 * as its evaluation.
 */
export function freshnessQueries(expr: string): string[] {
  return freshnessSelectors(expr).map((selector) =>
    isHeartbeat(selector) ? `${ageQuery(selector)} or ${repeatedSeries(selector)}` : ageQuery(selector),
  );
}

/** Every metric of the exporter is dated by one. */
function isHeartbeat(selector: string): boolean {
  return selector.startsWith(EXPORTED);
}

/** Query for the time of the newest sample of each workload. */
export function ageQuery(selector: string): string {
  return `max by (${WORKLOAD}) (timestamp(${selector}))`;
}

/** Selectors of the series whose newest samples date the data behind an expression. */
export function freshnessSelectors(expr: string): string[] {
  return [...new Set(selectorsOf(expr).map(datedBy))];
}

/** Finds why an expression has no honest value: a clause. @param hasData of a freshness selector, by its index */
export type FindMissingSource = (hasData: (index: number) => boolean) => Absent | undefined;

/** Finds the first selector that an expression needs and that has no data, see `missingSelector`. */
export function missingSource(expr: string): FindMissingSource {
  const selectors = freshnessSelectors(expr);
  // The data of one source dates the expression.
  if (selectors.length < 2) return () => undefined;
  const find = missingSelector(expr);
  return (hasData) => {
    const missing = find((selector) => hasData(selectors.indexOf(datedBy(selector))));
    if (missing === undefined) return undefined;
    return { absent: 'missing', text: `its part ${missing} has no data, so its value is not whole` };
  };
}

/** Of the exporter's metrics, other labels than its own tell of which cluster or server the data is. */
function datedBy(selector: string): string {
  if (!selector.startsWith(EXPORTED)) return selector;
  const node = parser.parse(selector).topNode.firstChild;
  const matchers = node && !selector.includes(':') ? matchersIn(node, selector) : [];
  const targets = matchers.filter(({ label }) => !OWN_LABELS.has(label));
  return targets.length === 0
    ? HEARTBEAT
    : withMatchers(HEARTBEAT, targets.map(({ text }) => text).join(', '));
}

/** Time at which the data of each workload was scraped, in seconds since the epoch. */
export interface Freshness {
  /** Undefined without a scrape within Prometheus' look-back, or once the target is gone. */
  of(workload: WorkloadKey): number | undefined;
  /** Undefined while there is one series per container. */
  repeated(workload: WorkloadKey): Repeated | undefined;
}

/**
 * Combines the results of {@link freshnessQueries}: data is as old as its oldest part. Series without a workload's
 * labels apply to every workload.
 *
 * @param evaluatedAt time of an expression without selectors
 */
export function freshness(results: readonly (readonly VectorSample[])[], evaluatedAt: number): Freshness {
  const read = results.map(byWorkload);
  const ages = read.map(({ newest }) => newest);
  return {
    of: (workload) => oldest(ages, workload, evaluatedAt),
    repeated: (workload) => read.find(({ repeated }) => repeated.has(workload))?.repeated.get(workload),
  };
}

/** Scrape time of data that consists of these parts, each with its times by workload; '' is every workload. */
export function oldest(
  parts: readonly { readonly get: (workload: WorkloadKey) => number | undefined }[],
  workload: WorkloadKey,
  evaluatedAt: number,
): number | undefined {
  if (parts.length === 0) return evaluatedAt;
  let scraped: number | undefined;
  for (const part of parts) {
    const at = part.get(workload) ?? part.get('');
    if (at !== undefined) scraped = scraped === undefined ? at : Math.min(scraped, at);
  }
  return scraped;
}

/** Read once, because all signals of the exporter share one result. */
const byWorkload = oncePer((samples: readonly VectorSample[]) => ({
  newest: newestByWorkload(samples.filter((sample) => !isRepeated(sample))),
  repeated: new Map(
    samples.filter(isRepeated).map((sample) => [keyOfLabels(sample.labels) ?? '', repeatedOf(sample)]),
  ),
}));

function newestByWorkload(samples: readonly VectorSample[]): Map<WorkloadKey, number> {
  const newest = new Map<WorkloadKey, number>();
  for (const { labels, value } of samples) {
    const key = keyOfLabels(labels) ?? '';
    newest.set(key, Math.max(value, newest.get(key) ?? 0));
  }
  return newest;
}

/** Workload of a series; undefined without the labels of one. */
export function keyOfLabels(labels: Readonly<Record<string, string>>): WorkloadKey | undefined {
  const { namespace, workload, workload_kind: kind } = labels;
  if (!namespace || !workload || !kind) return undefined;
  return workloadKey({ namespace, kind, name: workload });
}

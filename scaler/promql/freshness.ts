import { parser } from '@prometheus-io/lezer-promql';
import { workloadKey, type WorkloadKey } from '../core/types.js';
import { missingSelector } from './needs.js';
import type { VectorSample } from './response.js';

/** Every tracked container has this series in every scrape, so its age is the age of all the exporter's data. */
export const HEARTBEAT = 'kernscale_state_seconds_total{state="oncpu"}';

/**
 * Queries for the age of the data behind an expression.
 *
 * An instant query stamps its result with the evaluation time, and `rate()` returns values from a range long after
 * the last scrape; only `timestamp()` of a raw series is the time of its scrape. All metrics of the exporter share one
 * query; any other metric costs one of its own. An expression without a selector (`vector(1)`) has none and is as old
 * as its evaluation.
 */
export function freshnessQueries(expr: string): string[] {
  return freshnessSelectors(expr).map(
    (selector) => `max by (namespace, workload, workload_kind) (timestamp(${selector}))`,
  );
}

/** Selectors of the series whose newest samples date the data behind an expression. */
export function freshnessSelectors(expr: string): string[] {
  return [...new Set(selectorsOf(expr).map(datedBy))];
}

/**
 * The first selector that an expression needs and that has no data, see `missingSelector`.
 *
 * @param results of the `freshnessQueries` of the expression
 */
export function missingSource(
  expr: string,
  results: readonly (readonly VectorSample[])[],
): string | undefined {
  // The data of one source dates the expression.
  if (results.length < 2) return undefined;
  const selectors = freshnessSelectors(expr);
  const hasData = (selector: string): boolean =>
    (results[selectors.indexOf(datedBy(selector))] ?? []).length > 0;
  return missingSelector(expr, hasData);
}

function datedBy(selector: string): string {
  return selector.startsWith('kernscale') ? HEARTBEAT : selector;
}

/** The text of every vector selector, without range, `offset` and `@`. */
function selectorsOf(expr: string): string[] {
  const selectors: string[] = [];
  parser.parse(expr).iterate({
    enter: ({ name, from, to }) => {
      if (name === 'VectorSelector') selectors.push(expr.slice(from, to));
    },
  });
  return selectors;
}

/** Time at which the data of each workload was scraped, in seconds since the epoch. */
export interface Freshness {
  /** Undefined without a scrape within Prometheus' look-back, or once the target is gone. */
  of(workload: WorkloadKey): number | undefined;
}

/**
 * Combines the results of {@link freshnessQueries}: data is as old as its oldest part. Series without a workload's
 * labels apply to every workload.
 *
 * @param evaluatedAt time of an expression without selectors
 */
export function freshness(results: readonly (readonly VectorSample[])[], evaluatedAt: number): Freshness {
  const parts = results.map(newestByWorkload);
  return {
    of: (workload) => oldest(parts, workload, evaluatedAt),
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

import { parser } from '@prometheus-io/lezer-promql';
import { workloadKey, type WorkloadKey } from '../core/types.js';
import type { QueryResult, VectorSample } from '../promql/response.js';

/** Every tracked container has this series in every scrape, so its age is the age of all the exporter's data. */
export const HEARTBEAT = 'kernscale_state_seconds_total{state="oncpu"}';

/**
 * The queries that tell how old the data behind an expression is.
 *
 * An instant query stamps its result with the evaluation time, and `rate()` goes on answering from a range
 * long after the last scrape; only `timestamp()` of a raw series tells when it was scraped. All metrics of
 * the exporter share one query; any other metric costs one of its own. An expression without a selector
 * (`vector(1)`) has none and is as old as its evaluation.
 */
export function freshnessQueries(expr: string): string[] {
  return freshnessSelectors(expr).map(
    (selector) => `max by (namespace, workload, workload_kind) (timestamp(${selector}))`,
  );
}

/** The selectors of the series whose newest samples tell how old the data behind an expression is. */
export function freshnessSelectors(expr: string): string[] {
  return [
    ...new Set(
      selectorsOf(expr).map((selector) => (selector.startsWith('kernscale') ? HEARTBEAT : selector)),
    ),
  ];
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

/** When the data of each workload was scraped, in seconds since the epoch. */
export interface Freshness {
  /** Undefined when nothing was scraped within Prometheus' look-back, or the target vanished since. */
  of(workload: WorkloadKey): number | undefined;
}

/**
 * Combines the answers to {@link freshnessQueries}: data is as old as its oldest part. Series that do not
 * carry a workload's labels speak for every workload.
 *
 * @param evaluatedAt what an expression without selectors is as old as
 */
export function freshness(answers: readonly (readonly VectorSample[])[], evaluatedAt: number): Freshness {
  const parts = answers.map(newestByWorkload);
  return {
    of: (workload) => oldest(parts, workload, evaluatedAt),
  };
}

/** When data was scraped that consists of these parts, each with its times by workload; '' is every workload. */
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

/** The workload a series is about; undefined when it does not say. */
export function keyOfLabels(labels: Readonly<Record<string, string>>): WorkloadKey | undefined {
  const { namespace, workload, workload_kind: kind } = labels;
  if (!namespace || !workload || !kind) return undefined;
  return workloadKey({ namespace, kind, name: workload });
}

/** The first failure among answers, if any. */
export function firstFailure(results: readonly QueryResult[]): (QueryResult & { ok: false }) | undefined {
  return results.find((result) => !result.ok);
}

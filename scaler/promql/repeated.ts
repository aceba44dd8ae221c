import { getOrCompute } from '../../common/once.js';
import { withMatchers } from './matchers.js';
import type { QueryResult, VectorSample } from './response.js';
import { POD, WORKLOAD } from './signals.js';
import { selectorsOf } from './syntax.js';

/** Marks the rows of a freshness query that tell of repeated series. */
const REPEATED = 'repeated';
/** Label of such a row: the label by which the series differ, and its values. */
const DIFFERENCE = 'difference';
/** Labels that copies differ by, the most telling first; then any other, but not the address, which follows from them. */
const TELLING = ['cluster', 'prometheus', 'prometheus_replica', 'replica', 'job'];
const ADDRESS = 'instance';
/** Values of the label that are named. */
const NAMED = 3;

/** Series that a container has more than once. */
export interface Repeated {
  /** Number of series per container. */
  readonly series: number;
  /** The label by which they differ, with its values: `cluster ("a", "b")`; undefined where that is not known. */
  readonly difference: string | undefined;
}

/**
 * The number of series per container, where there is more than one whose time grows. Those of a pod that has moved to
 * another node both do for two minutes.
 *
 * @param heartbeat selector
 */
export function repeatedSeries(heartbeat: string): string {
  const perContainer = `count by (${POD}, container) (rate(${heartbeat}[2m]) > 0 and ${heartbeat}) > 1`;
  return `label_replace(max by (${WORKLOAD}) (${perContainer}), "measure", "${REPEATED}", "", "")`;
}

export function isRepeated({ labels }: VectorSample): boolean {
  return labels['measure'] === REPEATED;
}

export function repeatedOf({ value, labels }: VectorSample): Repeated {
  return { series: value, difference: labels[DIFFERENCE] };
}

/** A clause for messages. */
export function repeatedText({ series, difference }: Repeated): string {
  const each = `${series} series for each container`;
  if (difference === undefined)
    return `${each}: scraped by several jobs, or of several Prometheus servers or clusters`;
  const [label = ''] = difference.split(' ');
  return `${each}, which differ by ${difference}: name one with --prometheus.matcher '${label}="…"', or remove the others`;
}

/**
 * The result of a freshness query with the label by which repeated series differ. It is asked for only where there are some,
 * of one workload: copies of all have the same cause.
 */
export async function withDifference(
  expr: string,
  result: QueryResult,
  ask: (expr: string) => Promise<QueryResult>,
): Promise<QueryResult> {
  const first = result.ok ? result.samples.find(isRepeated) : undefined;
  const heartbeat = first && selectorsOf(expr)[0];
  if (!result.ok || !first || heartbeat === undefined) return result;
  const { namespace = '', workload = '', workload_kind: kind = '' } = first.labels;
  const matchers = Object.entries({ namespace, workload, workload_kind: kind });
  const series = await ask(
    withMatchers(heartbeat, matchers.map(([label, value]) => `${label}=${JSON.stringify(value)}`).join(', ')),
  );
  const difference = series.ok ? differenceOf(series.samples) : undefined;
  if (difference === undefined) return result;
  const samples = result.samples.map((sample) =>
    isRepeated(sample) ? { ...sample, labels: { ...sample.labels, [DIFFERENCE]: difference } } : sample,
  );
  return { ...result, samples };
}

/** The label by which the series of one container differ, with its values. */
function differenceOf(series: readonly VectorSample[]): string | undefined {
  const byContainer = new Map<string, VectorSample[]>();
  for (const one of series) {
    const { pod = '', container = '' } = one.labels;
    getOrCompute(byContainer, `${pod}/${container}`, () => []).push(one);
  }
  const copies = [...byContainer.values()].find(({ length }) => length > 1) ?? [];
  const valuesOf = (label: string) => [...new Set(copies.map(({ labels }) => labels[label] ?? ''))];
  const labels = [...new Set(copies.flatMap((one) => Object.keys(one.labels)))];
  const [label] = labels.filter((name) => valuesOf(name).length > 1).sort((a, b) => rankOf(a) - rankOf(b));
  if (label === undefined) return undefined;
  const values = valuesOf(label);
  const named = values.slice(0, NAMED).map((value) => JSON.stringify(value));
  return `${label} (${named.join(', ')}${values.length > NAMED ? ', …' : ''})`;
}

function rankOf(label: string): number {
  if (label === ADDRESS) return TELLING.length + 1;
  const rank = TELLING.indexOf(label);
  return rank < 0 ? TELLING.length : rank;
}

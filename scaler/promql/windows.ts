import { histogramRate, liveRate, perPod, POD, starvedRate, stateRate, states, WORKLOAD } from './signals.js';

/** Queries of a window: what threads do, requests that are served, and calls to peers. */
export const WINDOW_PARTS = ['threads', 'requests', 'calls'] as const;
export type WindowPart = (typeof WINDOW_PARTS)[number];

/** Shortest window for growing, seconds: it holds two scrapes at 5 s. */
const SHORTEST_RECENT = 10;

/** Marks pods whose threads cannot be seen. */
const OPAQUE = 'kernscale_container_opaque';

/** Metric of each measure of the requests that a workload serves; the first tells whether they are counted. */
const REQUESTS = {
  arrived: 'kernscale_tcp_requests_total',
  abandoned: 'kernscale_tcp_requests_abandoned_total',
  dropped: 'kernscale_tcp_requests_dropped_total',
  inVain: 'kernscale_tcp_answers_in_vain_total',
  retried: 'kernscale_tcp_retries_total',
  outstanding: 'kernscale_tcp_outstanding_seconds_total',
};

/** Metric of each measure of the calls to a peer. */
const CALLS = {
  sent: 'kernscale_tcp_sent_total',
  abandoned: 'kernscale_tcp_sent_abandoned_total',
  ended: 'kernscale_tcp_sent_dropped_total',
  refused: 'kernscale_tcp_failures_total',
  outstanding: 'kernscale_tcp_sent_outstanding_seconds_total',
};

/** Seconds of the window that growing looks at: half of the group's, which holds two scrapes where that holds four. */
export function recentSeconds(window: number): number {
  return Math.min(window, Math.max(window / 2, SHORTEST_RECENT));
}

/**
 * PromQL of what workloads did in a window, for all workloads: the labels `measure` and, where it applies, `state` or
 * `peer` name the value. Zeros are left out where a missing row can only be a zero; 1,000 workloads have some 30,000 rows.
 *
 * @param window range of the rates, as a Prometheus duration
 */
export function windowExpressions(window: string): Record<WindowPart, string> {
  return {
    threads: union({
      states: byState((matcher) => stateRate(matcher, window)),
      serving: byState((matcher) => liveRate(`kernscale_serving_seconds_total{${matcher}}`, window)),
      // A pod younger than the window has a rate that is too small, so it does not count as measured yet.
      pods: `count by (${WORKLOAD}) (count by (${POD}) (${measuredFor(window)}))`,
      opaque: `count by (${POD}, reason) (${OPAQUE} and (${OPAQUE} offset ${window}))`,
      starved: `avg by (${WORKLOAD}) (${perPod(starvedRate(window))})`,
    }),
    requests: union({
      ...mapValues(REQUESTS, (metric) => perWorkload(liveRate(metric, window))),
      // Counted, but not for long enough to have a rate: unknown, not zero.
      arrived: `${sumBy(liveRate(REQUESTS.arrived, window))} or NaN * count by (${WORKLOAD}) (${REQUESTS.arrived})`,
      answered: perWorkload(histogramRate('count', 'kernscale_tcp_serve_seconds', window)),
      served: perWorkload(histogramRate('sum', 'kernscale_tcp_serve_seconds', window)),
      thoughts: perWorkload(histogramRate('count', 'kernscale_tcp_think_seconds', window)),
      thought: perWorkload(histogramRate('sum', 'kernscale_tcp_think_seconds', window)),
    }),
    calls: union({
      ...mapValues(CALLS, (metric) => perPeer(liveRate(metric, window))),
      answered: perPeer(histogramRate('count', 'kernscale_tcp_wait_seconds', window)),
      waited: perPeer(histogramRate('sum', 'kernscale_tcp_wait_seconds', window)),
    }),
  };
}

function union(measures: Readonly<Record<string, string>>): string {
  return anyOf(
    Object.entries(measures).map(
      ([measure, expr]) => `label_replace(${expr}, "measure", "${measure}", "", "")`,
    ),
  );
}

/** Each `or` goes through all rows of both sides: in a chain, the first rows would be gone through once for each. */
function anyOf(vectors: readonly string[]): string {
  if (vectors.length === 1) return vectors[0]!;
  const half = Math.ceil(vectors.length / 2);
  return `(${anyOf(vectors.slice(0, half))} or ${anyOf(vectors.slice(half))})`;
}

/** CPU time is kept at zero: it tells whether the states are measured. */
function byState(rate: (matcher: string) => string): string {
  const sum = (matcher: string): string => `sum by (${WORKLOAD}, state) (${rate(matcher)})`;
  return `${sum('state="oncpu"')} or ${sum('state!="oncpu"')} != 0`;
}

function measuredFor(window: string): string {
  const alive = states('state="oncpu"');
  return `rate(${alive}[${window}]) and ${alive} and (${alive} offset ${window})`;
}

function sumBy(rates: string): string {
  return `sum by (${WORKLOAD}) (${rates})`;
}

function perWorkload(rates: string): string {
  return `${sumBy(rates)} != 0`;
}

function perPeer(rates: string): string {
  return `sum by (${WORKLOAD}, peer) (${rates}) != 0`;
}

function mapValues(record: Readonly<Record<string, string>>, map: (value: string) => string) {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}

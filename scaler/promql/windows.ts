import { mapValues } from '../../common/map-values.js';
import {
  alive,
  histogramRate,
  liveRate,
  measuredPods,
  perPod,
  POD,
  starvedRate,
  stateRate,
  WORKLOAD,
} from './signals.js';

/** Queries of a window: what threads do, requests that are served, and calls to peers. */
export const WINDOW_PARTS = ['threads', 'requests', 'calls'] as const;
export type WindowPart = (typeof WINDOW_PARTS)[number];
/** Queries of the recent window, whose calls are those of the settled one. */
export type RecentPart = Exclude<WindowPart, 'calls'>;

/** Part of the settled window whose rows tell a built-in signal, which costs no query then. */
export const TOLD_BY: Readonly<Record<string, WindowPart>> = {
  ...{ cpu: 'threads', blockio: 'threads', wait: 'threads', lock: 'threads', pods: 'threads' },
  edges: 'calls',
  ...{ requests: 'requests', concurrency: 'requests' },
};

/** Shortest window for growing, seconds: it holds two scrapes at 5 s. */
const SHORTEST_RECENT = 10;

/** Marks pods whose threads cannot be seen. */
const OPAQUE = 'kernscale_container_opaque';
/** Tells whether requests are counted. */
const ARRIVED = 'kernscale_tcp_requests_total';
/** Requests that end badly: zero in most workloads. */
const LOST_REQUESTS = {
  abandoned: 'kernscale_tcp_requests_abandoned_total',
  dropped: 'kernscale_tcp_requests_dropped_total',
  retried: 'kernscale_tcp_retries_total',
};
const LOST_CALLS = {
  abandoned: 'kernscale_tcp_sent_abandoned_total',
  ended: 'kernscale_tcp_sent_dropped_total',
  refused: 'kernscale_tcp_failures_total',
};
/** States that are told at zero, too: a signal without them is missing. */
const TOLD_AT_ZERO = 'oncpu|disk|network|lock';
/** States of threads that have nothing to do. */
const AT_REST = 'idle|sleep';

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
  const states = (matcher: string): string => byState(stateRate(matcher, window));
  const serving = (matcher: string): string =>
    byState(liveRate(`kernscale_serving_seconds_total{${matcher}}`, window));
  return {
    threads: union({
      states: `${states(`state=~"${TOLD_AT_ZERO}"`)} or ${states(`state!~"${TOLD_AT_ZERO}|${AT_REST}"`)} != 0`,
      serving: `${serving('state="oncpu"')} or ${serving('state!="oncpu"')} != 0`,
      ...podMeasures(window),
    }),
    requests: requests(window, { served: perWorkload(served('sum', window)) }),
    calls: anyOf([
      union({
        sent: `${perPeer(liveRate('kernscale_tcp_sent_total', window))} != 0`,
        outstanding: `${perPeer(liveRate('kernscale_tcp_sent_outstanding_seconds_total', window))} != 0`,
        answered: `${perPeer(histogramRate('count', 'kernscale_tcp_wait_seconds', window))} != 0`,
        // A peer that sends no response is told, too.
        waited: perPeer(histogramRate('sum', 'kernscale_tcp_wait_seconds', window)),
      }),
      rarely(LOST_CALLS, 'peer', window),
    ]),
  };
}

/** PromQL of what growing looks at in the recent window; the rest of it is as in the settled one. */
export function recentExpressions(window: string): Record<RecentPart, string> {
  return {
    threads: union({
      states: byState(stateRate('state="oncpu"', window)),
      serving: byState(liveRate('kernscale_serving_seconds_total{state="oncpu"}', window)),
      ...podMeasures(window),
    }),
    requests: requests(window, {}),
  };
}

function podMeasures(window: string): Record<string, string> {
  return {
    pods: measuredPods(window),
    opaque: `count by (${POD}, reason) (${OPAQUE} and (${OPAQUE} offset ${window}))`,
    starved: `avg by (${WORKLOAD}) (${perPod(starvedRate(window))})`,
  };
}

function requests(window: string, more: Readonly<Record<string, string>>): string {
  const think = (part: 'count' | 'sum'): string => histogramRate(part, 'kernscale_tcp_think_seconds', window);
  return anyOf([
    union({
      // Counted, but not for long enough to have a rate: unknown, not zero.
      arrived: `${sumBy(liveRate(ARRIVED, window))} or NaN * count by (${WORKLOAD}) (${ARRIVED})`,
      outstanding: perWorkload(liveRate('kernscale_tcp_outstanding_seconds_total', window)),
      answered: perWorkload(served('count', window)),
      thoughts: perWorkload(think('count')),
      thought: perWorkload(think('sum')),
      ...more,
    }),
    rarely(LOST_REQUESTS, '', window),
  ]);
}

function served(part: 'count' | 'sum', window: string): string {
  return histogramRate(part, 'kernscale_tcp_serve_seconds', window);
}

/** Without zeros from the start, so that nearly nothing is left to match and to sum. */
function rarely(metrics: Readonly<Record<string, string>>, by: '' | 'peer', window: string): string {
  const grown = mapValues(metrics, (metric) => `rate(${metric}[${window}]) != 0`);
  return `sum by (${[WORKLOAD, by, 'measure'].filter(Boolean).join(', ')}) (${alive(union(grown))})`;
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

function byState(rates: string): string {
  return `sum by (${WORKLOAD}, state) (${rates})`;
}

function sumBy(rates: string): string {
  return `sum by (${WORKLOAD}) (${rates})`;
}

function perWorkload(rates: string): string {
  return `${sumBy(rates)} != 0`;
}

function perPeer(rates: string): string {
  return `sum by (${WORKLOAD}, peer) (${rates})`;
}

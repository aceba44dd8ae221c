/** Random pasts of containers for tests of the evaluator. */
import fc from 'fast-check';
import type { PastSeries } from './prometheus.js';

/** Start of a block of Prometheus, so that one block is enough. */
export const START = 1_700_006_400;
export const LENGTH = 5400;
export const SCRAPE_INTERVAL = 15;

export const STATES = 'kernscale_state_seconds_total';
export const GAUGES = ['kernscale_container_info', 'kernscale_container_cpu_request_cores'];
const STATE_NAMES = ['oncpu', 'runqueue', 'throttled', 'disk', 'network', 'lock', 'idle', 'sleep'];
/** Metrics with many series per container, which Prometheus sums. */
export const BY_PEER = [
  'kernscale_tcp_wait_seconds_sum',
  'kernscale_tcp_wait_seconds_count',
  'kernscale_tcp_sent_total',
];
/** Metrics with one series per container. */
export const REQUESTS = [
  'kernscale_tcp_requests_total',
  'kernscale_tcp_requests_abandoned_total',
  'kernscale_tcp_outstanding_seconds_total',
  'kernscale_tcp_serve_seconds_count',
  'kernscale_tcp_serve_seconds_sum',
  'kernscale_cpu_starved_seconds_total',
];
const SERVING = 'kernscale_serving_seconds_total';

interface Span {
  readonly from: number;
  readonly to: number;
}

interface Counter {
  /** Rates per second, each for `turn` seconds in rotation. */
  readonly rates: readonly number[];
  readonly turn: number;
  /** Seconds after the start at which it restarts from zero. */
  readonly resets: readonly number[];
}

interface Container {
  readonly pod: { readonly namespace: string; readonly workload: string; readonly pod: string };
  readonly container: string;
  /** Seconds after the start. */
  readonly life: Span;
  /** Periods without a scrape, some shorter and some longer than the look-back. */
  readonly gaps: readonly Span[];
  readonly counters: readonly Counter[];
  readonly gauge: number;
}

const seconds = fc.integer({ min: 0, max: LENGTH });
const span = (length: fc.Arbitrary<number>): fc.Arbitrary<Span> =>
  fc.tuple(seconds, length).map(([from, size]) => ({ from, to: from + size }));

const counter: fc.Arbitrary<Counter> = fc.record({
  rates: fc.array(
    fc.oneof(
      fc.constant(0),
      fc.integer({ min: 1, max: 8000 }).map((rate) => rate / 1000),
    ),
    {
      minLength: 1,
      maxLength: 4,
    },
  ),
  turn: fc.integer({ min: 20, max: 900 }),
  resets: fc.array(seconds, { maxLength: 2 }),
});

const container: fc.Arbitrary<Container> = fc.record({
  pod: fc.record({
    namespace: fc.constantFrom('shop', 'bank'),
    workload: fc.constantFrom('web', 'cart', 'pay'),
    pod: fc.constantFrom('a', 'b', 'c'),
  }),
  container: fc.constantFrom('main', 'side'),
  life: fc.oneof(
    fc.constant({ from: 0, to: LENGTH }),
    span(fc.integer({ min: SCRAPE_INTERVAL, max: LENGTH })),
  ),
  gaps: fc.array(span(fc.integer({ min: SCRAPE_INTERVAL, max: 700 })), { maxLength: 3 }),
  counters: fc.array(counter, { minLength: STATE_NAMES.length + 1, maxLength: STATE_NAMES.length + 1 }),
  gauge: fc.oneof(
    fc.constantFrom(0, 1, 0.5, NaN, Infinity),
    fc.integer({ min: 0, max: 16_000 }).map((value) => value / 1000),
  ),
});

export const history = fc
  .uniqueArray(container, {
    minLength: 18,
    maxLength: 24,
    selector: ({ pod, container: name }) => JSON.stringify([pod, name]),
  })
  .map((containers) => containers.flatMap(seriesOf).sort((a, b) => a.metric.localeCompare(b.metric)));

function seriesOf({ pod, container: name, life, gaps, counters, gauge }: Container): PastSeries[] {
  const labels = { ...pod, workload_kind: 'Deployment', container: name };
  const scraped =
    (value: (second: number) => number) =>
    (at: number): number | undefined => {
      const second = at - START;
      const isIn = ({ from, to }: Span): boolean => second >= from && second < to;
      return isIn(life) && !gaps.some(isIn) ? value(second) : undefined;
    };
  return [
    ...STATE_NAMES.map((state, index) => ({
      metric: STATES,
      labels: { ...labels, state },
      value: scraped(counted(counters[index]!)),
    })),
    ...['oncpu', 'lock'].map((state, index) => ({
      metric: SERVING,
      labels: { ...labels, state },
      value: scraped(counted(counters[index]!)),
    })),
    ...BY_PEER.map((metric) => ({
      metric,
      labels: { ...labels, peer: '10.0.0.1:80' },
      value: scraped(counted(counters.at(-1)!)),
    })),
    ...REQUESTS.map((metric, index) => ({
      metric,
      // The time in which a pod is short of CPU is not a container's.
      labels: metric.includes('starved') ? { ...labels, pod: `${pod.pod}-${name}`, container: '' } : labels,
      value: scraped(counted(counters[index]!)),
    })),
    ...GAUGES.map((metric) => ({ metric, labels, value: scraped(() => gauge) })),
  ];
}

function counted({ rates, turn, resets }: Counter): (second: number) => number {
  return (second) => {
    let total = 0;
    for (let at = Math.max(0, ...resets.filter((reset) => reset <= second)); at < second;) {
      const next = Math.min(second, (Math.floor(at / turn) + 1) * turn);
      total += (next - at) * rates[Math.floor(at / turn) % rates.length]!;
      at = next;
    }
    return total;
  };
}

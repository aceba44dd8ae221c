import type { Pod } from '../../../scaler/core/types.js';

/** What a pod has done since it started, as its own counters tell. Times are in seconds. */
export interface Counters {
  /** Time of the reading. */
  readonly at: number;
  /** CPU seconds. */
  readonly cpu: number;
  /** Seconds in which a thread waited for a CPU or for quota: PSI's `some`. */
  readonly starved: number;
  /** Requests. */
  readonly arrived: number;
  readonly answered: number;
  /** Sum of the serving times of the answered requests, seconds. */
  readonly served: number;
  /** Request-seconds of the requests that wait for their answer. */
  readonly outstanding: number;
}

type Counter = Exclude<keyof Counters, 'at'>;

/** A pod and its readings, one a second, oldest first. */
export interface PodView {
  readonly pod: Pod;
  readonly counters: readonly Counters[];
}

/** What an autoscaler sees of a workload. */
export interface View {
  readonly now: number;
  /** `spec.replicas`. */
  readonly replicas: number;
  readonly pods: readonly PodView[];
}

/** The newest reading that is not later than a time. */
export function readingAt({ counters }: PodView, at: number): Counters | undefined {
  return counters.findLast((reading) => reading.at <= at);
}

/** Interval of a Prometheus' scrapes, seconds. */
const SCRAPE = 15;

/**
 * Rate of a pod's counter as Prometheus' `rate(…[1m])` sees it, from scrapes every 15 s; undefined where the window
 * holds fewer than two. A new pod's first scrape only begins its series, so what it counted before is lost.
 */
export function prometheusRate(pod: PodView, counter: Counter, now: number): number | undefined {
  const last = Math.floor(now / SCRAPE) * SCRAPE;
  const scrapes = [3, 2, 1, 0].flatMap((back) => readingAt(pod, last - back * SCRAPE) ?? []);
  const [first, newest] = [scrapes[0], scrapes.at(-1)];
  if (!first || !newest || newest.at <= first.at) return undefined;
  return (newest[counter] - first[counter]) / (newest.at - first.at);
}

/** Sum of {@link prometheusRate} over the pods; undefined where none has a rate. */
export function prometheusSum({ pods, now }: View, counter: Counter): number | undefined {
  const rates = pods.flatMap((pod) => prometheusRate(pod, counter, now) ?? []);
  return rates.length === 0 ? undefined : rates.reduce((sum, rate) => sum + rate, 0);
}

import type { PastSeries } from '../prometheus/prometheus.js';

/** Mean number of threads of all pods of a workload. */
const STATES = {
  oncpu: 0.5,
  runqueue: 0.1,
  throttled: 0.1,
  disk: 0.01,
  network: 2,
  lock: 0.01,
  sleep: 1,
  idle: 8,
};
/** Growth per second of a workload's request counters. */
const REQUESTS = {
  kernscale_tcp_requests_total: 50,
  kernscale_tcp_requests_abandoned_total: 0,
  kernscale_tcp_requests_dropped_total: 0,
  kernscale_tcp_retries_total: 0,
  kernscale_tcp_outstanding_seconds_total: 2,
  kernscale_tcp_serve_seconds_count: 50,
  kernscale_tcp_serve_seconds_sum: 2,
  kernscale_tcp_think_seconds_count: 10,
  kernscale_tcp_think_seconds_sum: 5,
};
/** The same by peer. */
const CALLS = {
  kernscale_tcp_sent_total: 50,
  kernscale_tcp_sent_abandoned_total: 0,
  kernscale_tcp_sent_dropped_total: 0,
  kernscale_tcp_failures_total: 0,
  kernscale_tcp_sent_outstanding_seconds_total: 0.6,
  kernscale_tcp_wait_seconds_count: 50,
  kernscale_tcp_wait_seconds_sum: 0.6,
};

/**
 * The past of a Deployment that serves requests and calls peers, with every series that a round reads.
 *
 * @param peers `ip:port` of each
 * @param start seconds since the epoch at which its counters are zero
 */
export function workloadPast(
  name: string,
  pods: readonly string[],
  peers: readonly string[],
  start: number,
): PastSeries[] {
  return pods.flatMap((pod): PastSeries[] => {
    const labels = { namespace: 'shop', workload: name, workload_kind: 'Deployment', pod, container: 'main' };
    const counter = (metric: string, extra: Record<string, string>, rate: number): PastSeries => ({
      metric,
      labels: { ...labels, ...extra },
      value: (at) => ((at - start) * rate) / pods.length,
    });
    return [
      ...Object.entries(STATES).flatMap(([state, threads]) => [
        counter('kernscale_state_seconds_total', { state }, threads),
        counter('kernscale_serving_seconds_total', { state }, state === 'idle' ? 0 : threads / 2),
      ]),
      counter('kernscale_cpu_starved_seconds_total', { container: '' }, 0.1),
      ...Object.entries(REQUESTS).map(([metric, rate]) => counter(metric, {}, rate)),
      ...peers.flatMap((peer) =>
        Object.entries(CALLS).map(([metric, rate]) => counter(metric, { peer }, rate)),
      ),
      { metric: 'kernscale_container_cpu_request_cores', labels, value: () => 0.5 },
      { metric: 'kernscale_container_cpu_limit_cores', labels, value: () => 1 },
    ];
  });
}

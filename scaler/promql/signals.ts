const WORKLOAD = 'namespace, workload, workload_kind';
const POD = `${WORKLOAD}, pod`;
const STATES = 'kernscale_state_seconds_total';
/** Every container with any series has this one. */
const ALIVE = states('state="oncpu"');

/**
 * Least busy time, in thread-seconds per second, by which shares are divided. The shares of a workload below it fade to
 * a measured zero, instead of being 0/0 or the noise of a health check.
 */
const MIN_BUSY = 0.01;

/**
 * Built-in signals: PromQL over the exporter's metrics alone, one vector per signal for all workloads.
 *
 * Shares are ratios of sums over the workload, not means of the pods' ratios, because an idle pod carries no
 * information about what the others wait for.
 *
 * @param window range of the rates, as a Prometheus duration
 * @param quantiles quantiles for which to add a latency signal
 */
export function builtInSignals(window: string, quantiles: readonly number[] = []): Record<string, string> {
  const share = (state: string): string =>
    `${perWorkload(`state="${state}"`)} / clamp_min(${perWorkload('state!~"idle|sleep"')}, ${MIN_BUSY})`;
  const perWorkload = (matcher: string): string => `sum by (${WORKLOAD}) (${stateRate(matcher, window)})`;
  const measuredFor = `${ALIVE} and (${ALIVE} offset ${window})`;
  return {
    cpu: perWorkload('state=~"oncpu|runqueue|throttled"'),
    blockio: share('disk'),
    wait: share('network'),
    lock: share('lock'),
    edges: `sum by (${WORKLOAD}, peer) (${waitRate(window)})`,
    request: `avg by (${WORKLOAD}) (sum by (${POD}) (kernscale_container_cpu_request_cores))`,
    // A pod younger than the window has a rate that is too small, so it does not count as measured yet.
    pods: `count by (${WORKLOAD}) (count by (${POD}) (${measuredFor}))`,
    ...Object.fromEntries(quantiles.map((quantile) => [latencySignal(quantile), latency(quantile, window)])),
  };
}

/** Name of the signal for a latency quantile: 0.99 → `latency_p99`, 0.999 → `latency_p99_9`. */
export function latencySignal(quantile: number): string {
  const percent = Number((quantile * 100).toPrecision(12));
  return `latency_p${String(percent).replace(/[^0-9]/g, '_')}`;
}

/** Quantile of the latency in seconds, from the classic histogram if there is one, else the native; NaN without requests. */
function latency(quantile: number, window: string): string {
  const metric = 'kernscale_tcp_serve_seconds';
  const classic = `sum by (${WORKLOAD}, le) (${liveRate(`${metric}_bucket`, window)})`;
  const native = `sum by (${WORKLOAD}) (${liveRate(metric, window)})`;
  return `histogram_quantile(${quantile}, ${classic}) or histogram_quantile(${quantile}, ${native})`;
}

/** Signals by pod: its CPU demand, and the share of that demand for which it gets no CPU. */
export function podSignals(window: string): { readonly cpu: string; readonly starved: string } {
  const perPod = (matcher: string): string => `sum by (${POD}) (${stateRate(matcher, window)})`;
  const cpu = perPod('state=~"oncpu|runqueue|throttled"');
  return { cpu, starved: `${perPod('state=~"runqueue|throttled"')} / clamp_min(${cpu}, ${MIN_BUSY})` };
}

function states(matcher: string): string {
  return `${STATES}{${matcher}}`;
}

/**
 * Seconds of waiting per second, from the classic histogram if there is one, else the native. The two have the same
 * labels, so `or` never returns both.
 */
function waitRate(window: string): string {
  const native = `histogram_sum(${liveRate('kernscale_tcp_wait_seconds', window)})`;
  return `${liveRate('kernscale_tcp_wait_seconds_sum', window)} or ${native}`;
}

/** Thread-seconds per second in some states, of containers that still exist: their series appear and vanish together. */
function stateRate(matcher: string, window: string): string {
  return `rate(${states(matcher)}[${window}]) and ignoring (state) ${ALIVE}`;
}

/** A rate of the containers that still exist: those that are gone have samples in the range, but not at its end. */
function liveRate(metric: string, window: string): string {
  return `rate(${metric}[${window}]) and ${metric}`;
}

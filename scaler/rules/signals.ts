const WORKLOAD = 'namespace, workload, workload_kind';
const POD = `${WORKLOAD}, pod`;
const STATES = 'kernscale_state_seconds_total';
/** Every container has this series as long as it has any. */
const ALIVE = states('state="oncpu"');

/**
 * Thread-seconds per second that a busy workload spends at least. The shares of one that does less fade to a
 * measured zero, instead of being 0/0 or the noise of a health check.
 */
const MIN_BUSY = 0.01;

/**
 * The signals of a group that names none: PromQL over nothing but the exporter's own metrics, one vector per signal
 * for all workloads.
 *
 * Shares are ratios of sums over the workload, not means of the pods' ratios: a pod that does nothing says nothing
 * about what holds the others up.
 *
 * @param window range of the rates, as Prometheus writes it
 * @param quantiles for each of which there is to be a latency
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
    edges: `sum by (${WORKLOAD}, peer) (${waited(window)})`,
    request: `avg by (${WORKLOAD}) (sum by (${POD}) (kernscale_container_cpu_request_cores))`,
    // A pod younger than the window has a rate that is too small, so it does not count as measured yet.
    pods: `count by (${WORKLOAD}) (count by (${POD}) (${measuredFor}))`,
    ...Object.fromEntries(
      quantiles.map((quantile) => [latencySignal(quantile), servedWithin(quantile, window)]),
    ),
  };
}

/** The signal of a quantile of the latency: 0.99 → `latency_p99`, 0.999 → `latency_p99_9`. */
export function latencySignal(quantile: number): string {
  const percent = Number((quantile * 100).toPrecision(12));
  return `latency_p${String(percent).replace(/[^0-9]/g, '_')}`;
}

/**
 * Seconds within which that part of the requests was answered, from the classic histogram or, where Prometheus keeps
 * only the native one, from that. Without requests it is NaN.
 */
function servedWithin(quantile: number, window: string): string {
  const metric = 'kernscale_tcp_serve_seconds';
  const classic = `sum by (${WORKLOAD}, le) (${liveRate(`${metric}_bucket`, window)})`;
  const native = `sum by (${WORKLOAD}) (${liveRate(metric, window)})`;
  return `histogram_quantile(${quantile}, ${classic}) or histogram_quantile(${quantile}, ${native})`;
}

/**
 * What pods are sized by where it is known which pods there are: the CPU demand of each, and which part of it is not
 * granted.
 */
export function podSignals(window: string): { readonly cpu: string; readonly starved: string } {
  const perPod = (matcher: string): string => `sum by (${POD}) (${stateRate(matcher, window)})`;
  const cpu = perPod('state=~"oncpu|runqueue|throttled"');
  return { cpu, starved: `${perPod('state=~"runqueue|throttled"')} / clamp_min(${cpu}, ${MIN_BUSY})` };
}

function states(matcher: string): string {
  return `${STATES}{${matcher}}`;
}

/**
 * Seconds waited per second, from the classic histogram or, where Prometheus keeps only the native one, from that.
 * Both have the same labels, so where it keeps both they do not add up.
 */
function waited(window: string): string {
  const native = `histogram_sum(${liveRate('kernscale_tcp_wait_seconds', window)})`;
  return `${liveRate('kernscale_tcp_wait_seconds_sum', window)} or ${native}`;
}

/** Thread-seconds per second in some states. One series of a container tells whether it is there: they come and go as one. */
function stateRate(matcher: string, window: string): string {
  return `rate(${states(matcher)}[${window}]) and ignoring (state) ${ALIVE}`;
}

/** A rate without the containers that are gone: their samples stay in the range, but no longer at its end. */
function liveRate(metric: string, window: string): string {
  return `rate(${metric}[${window}]) and ${metric}`;
}

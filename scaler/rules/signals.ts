const WORKLOAD = 'namespace, workload, workload_kind';
const STATES = 'kernscale_state_seconds_total';

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
 */
export function builtInSignals(window: string): Record<string, string> {
  const share = (state: string): string =>
    `${perWorkload(states(`state="${state}"`))} / clamp_min(${perWorkload(states('state!~"idle|sleep"'))}, ${MIN_BUSY})`;
  const perWorkload = (metric: string): string => `sum by (${WORKLOAD}) (${liveRate(metric, window)})`;
  const measuredFor = `${states('state="oncpu"')} and ${states('state="oncpu"')} offset ${window}`;
  return {
    cpu: perWorkload(states('state=~"oncpu|runqueue|throttled"')),
    blockio: share('disk'),
    wait: share('network'),
    lock: share('lock'),
    edges: `sum by (${WORKLOAD}, peer) (${waited(window)})`,
    request: `avg by (${WORKLOAD}) (sum by (${WORKLOAD}, pod) (kernscale_container_cpu_request_cores))`,
    // A pod younger than the window has a rate that is too small, so it does not count as measured yet.
    pods: `count by (${WORKLOAD}) (count by (${WORKLOAD}, pod) (${measuredFor}))`,
  };
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

/** A rate without the containers that are gone: their samples stay in the range, but no longer at its end. */
function liveRate(metric: string, window: string): string {
  return `rate(${metric}[${window}]) and ${metric}`;
}

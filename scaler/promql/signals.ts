export const WORKLOAD = 'namespace, workload, workload_kind';
export const POD = `${WORKLOAD}, pod`;
const STATES = 'kernscale_state_seconds_total';
/** Every container with any series has this one. */
const ALIVE = states('state="oncpu"');
/** Labels of other series that it does not have. */
const BEYOND = 'state, peer, le, measure';

/**
 * Least busy time, in thread-seconds per second, by which shares are divided. The shares of a workload below it fade to
 * a measured zero, instead of being 0/0 or the noise of a health check.
 */
export const MIN_BUSY = 0.01;

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
  return {
    cpu: perWorkload('state="oncpu"'),
    blockio: share('disk'),
    wait: share('network'),
    lock: share('lock'),
    edges: `sum by (${WORKLOAD}, peer) (${histogramRate('sum', 'kernscale_tcp_wait_seconds', window)})`,
    request: `avg by (${WORKLOAD}) (${perPod('kernscale_container_cpu_request_cores')})`,
    limit: `avg by (${WORKLOAD}) (${podLimit()})`,
    pods: measuredPods(window),
    ...Object.fromEntries(quantiles.map((quantile) => [latencySignal(quantile), latency(quantile, window)])),
  };
}

/** Built-in signals that cost nothing unless a rule of the group uses them. */
export function optionalSignals(window: string): Record<string, string> {
  const perWorkload = (counter: string): string => `sum by (${WORKLOAD}) (${liveRate(counter, window)})`;
  return {
    requests: perWorkload('kernscale_tcp_requests_total'),
    concurrency: perWorkload('kernscale_tcp_outstanding_seconds_total'),
    memory: memoryUsed(),
  };
}

/** CPU used by one container of each pod, cores. */
export function containerCpu(container: string, window: string): string {
  return perPod(stateRate(`state="oncpu", container="${container}"`, window));
}

/** CPU request of one container, the mean of the pods. */
export function containerRequest(container: string): string {
  return `avg by (${WORKLOAD}) (${perPod(`kernscale_container_cpu_request_cores{container="${container}"}`)})`;
}

/** Working set of each pod, or of one container of it, bytes, from cAdvisor. */
export function memoryUsed(container?: string): string {
  const which = container === undefined ? 'container!="", container!="POD"' : `container="${container}"`;
  return ofWorkloads(`container_memory_working_set_bytes{${which}}`);
}

/** Memory request of a pod, or of one container of it, the mean of the pods, from kube-state-metrics. */
export function memoryRequest(container?: string): string {
  const which = container === undefined ? '' : `, container="${container}"`;
  const requests = ofWorkloads(`kube_pod_container_resource_requests{resource="memory"${which}}`);
  return `avg by (${WORKLOAD}) (${requests})`;
}

/** A metric of containers by pod, with the workload of each; kubelets that are scraped at several paths count once. */
function ofWorkloads(metric: string): string {
  const pods = `sum by (namespace, pod) (max by (namespace, pod, container) (${metric}))`;
  return `${pods} * on (namespace, pod) group_left (workload, workload_kind) group by (${POD}) (${ALIVE})`;
}

/** Number of pods with a rate over the whole window: that of a younger pod is too small. */
export function measuredPods(window: string): string {
  const measured = `rate(${ALIVE}[${window}]) and ${ALIVE} and (${ALIVE} offset ${window})`;
  return `count by (${WORKLOAD}) (count by (${POD}) (${measured}))`;
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

/**
 * Signals by pod: the CPU it uses, and the share of wall time in which a thread of it waits for a CPU or is out of quota.
 * Where that is not measured, as by exporters of the first release, it is the share of runnable thread time.
 */
export function podSignals(window: string): { readonly cpu: string; readonly starved: string } {
  const inStates = (matcher: string): string => perPod(stateRate(matcher, window));
  const waiting = inStates('state=~"runqueue|throttled"');
  const runnable = inStates('state=~"oncpu|runqueue|throttled"');
  return {
    cpu: inStates('state="oncpu"'),
    starved: `${perPod(starvedRate(window))} or ${waiting} / clamp_min(${runnable}, ${MIN_BUSY})`,
  };
}

export function perPod(expr: string): string {
  return `sum by (${POD}) (${expr})`;
}

/** CPU limit of a pod in cores; none for a pod with a container that has no limit. */
function podLimit(): string {
  const limits = 'kernscale_container_cpu_limit_cores';
  const containers = states('state="oncpu", container!=""');
  return `${perPod(limits)} unless ${perPod(`${containers} unless ignoring (state) ${limits}`)}`;
}

export function states(matcher: string): string {
  return `${STATES}{${matcher}}`;
}

/** Seconds per second in which a thread of a pod waits for a CPU or is out of quota. */
export function starvedRate(window: string): string {
  const starved = 'kernscale_cpu_starved_seconds_total{container=""}';
  return `rate(${starved}[${window}]) and ${starved}`;
}

/**
 * Rate of the count or the sum of a histogram, from the classic one if there is one, else the native. The two have the
 * same labels, so `or` never returns both.
 */
export function histogramRate(part: 'count' | 'sum', metric: string, window: string): string {
  return alive(`(rate(${metric}_${part}[${window}]) or histogram_${part}(rate(${metric}[${window}])))`);
}

/** Thread-seconds per second in some states. */
export function stateRate(matcher: string, window: string): string {
  return liveRate(states(matcher), window);
}

export function liveRate(metric: string, window: string): string {
  return alive(`rate(${metric}[${window}])`);
}

/**
 * The rates of containers that still exist: those that are gone have samples in the range, but not at its end. One series
 * of a container tells it for all others, because Prometheus' time goes by the series that it looks up.
 */
export function alive(rates: string): string {
  return `${rates} and ignoring (${BEYOND}) ${ALIVE}`;
}

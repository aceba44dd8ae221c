import { collectDefaultMetrics, type Gauge, type Registry } from 'prom-client';

/** prom-client's gauges that end in `_total`, which `promtool check metrics` rightly refuses. */
const MISNAMED = ['handles', 'requests', 'resources'].map((what) => `nodejs_active_${what}_total`);
/** Gauges of the event loop's lag, as a timer sees it. */
export const EVENT_LOOP_TIMES = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'].map(
  (what) => `nodejs_eventloop_lag_${what}_seconds`,
);
const MEAN_LAG = 'nodejs_eventloop_lag_mean_seconds';

/**
 * Registers what prom-client tells of any Node.js process, but for what it tells wrongly.
 *
 * @param eventLoopPrecisionMs how often the lag of the event loop is looked at
 */
export function collectProcessMetrics(registry: Registry, eventLoopPrecisionMs: number): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: eventLoopPrecisionMs });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  leaveOutEmptyLag(registry);
}

/**
 * prom-client empties its histogram of lags each time it is asked. Right after that, or after the start, Node.js tells
 * of no observations a minimum of 2^63 ns and a mean that is not a number.
 */
function leaveOutEmptyLag(registry: Registry): void {
  const mean = gaugeOf(registry, MEAN_LAG);
  const getMean = mean.get.bind(mean);
  for (const gauge of EVENT_LOOP_TIMES.map((name) => gaugeOf(registry, name))) {
    const get = gauge.get.bind(gauge);
    gauge.get = async () => {
      const isEmpty = (await getMean()).values.some(({ value }) => Number.isNaN(value));
      const metric = await get();
      return isEmpty ? { ...metric, values: [] } : metric;
    };
  }
}

function gaugeOf(registry: Registry, name: string): Gauge {
  return registry.getSingleMetric(name) as Gauge;
}

import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';
import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client';

/** prom-client's gauges that end in `_total`, which `promtool check metrics` refuses. */
const MISNAMED = ['handles', 'requests', 'resources'].map((what) => `nodejs_active_${what}_total`);
/** Keeps prom-client's own timer for the lag, which cannot be switched off, from waking the process. */
const NEVER_MS = 3_600_000;
const NS_PER_SECOND = 1e9;

const LAGS: Readonly<Record<string, (lag: IntervalHistogram) => number>> = {
  min: ({ min }) => min,
  max: ({ max }) => max,
  mean: ({ mean }) => mean,
  stddev: ({ stddev }) => stddev,
  p50: (lag) => lag.percentile(50),
  p90: (lag) => lag.percentile(90),
  p99: (lag) => lag.percentile(99),
};

/**
 * Registers the metrics of a Node.js process.
 *
 * @param eventLoopLagMs interval of sampling the event loop's lag, whose timer takes CPU time even when idle; none by default
 */
export function collectProcessMetrics(registry: Registry, eventLoopLagMs?: number): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: NEVER_MS });
  for (const name of [...MISNAMED, ...Object.keys(LAGS).map(lagName)]) registry.removeSingleMetric(name);
  if (eventLoopLagMs !== undefined) registerLag(registry, eventLoopLagMs);
}

/** Registers the version of the running program: always 1. */
export function registerBuildInfo(registry: Registry, program: string, version: string): void {
  new Gauge({
    name: 'kernscale_build_info',
    help: 'Version of the running program; always 1.',
    labelNames: ['version', 'program'],
    registers: [registry],
  }).set({ version, program }, 1);
}

/**
 * Registers the lag in place of prom-client's gauges, which report a minimum of 2^63 ns and a mean that is not a number
 * while there is no sample. Each scrape starts the samples over.
 */
function registerLag(registry: Registry, resolution: number): void {
  const lag = monitorEventLoopDelay({ resolution });
  lag.enable();
  const last = Object.keys(LAGS).at(-1);
  for (const [statistic, valueOf] of Object.entries(LAGS)) {
    new Gauge({
      name: lagName(statistic),
      help: `Lag of the event loop since the last scrape (${statistic}).`,
      registers: [registry],
      collect() {
        if (lag.count === 0) this.remove();
        else this.set(valueOf(lag) / NS_PER_SECOND);
        if (statistic === last) lag.reset();
      },
    });
  }
}

function lagName(statistic: string): string {
  return `nodejs_eventloop_lag_${statistic}_seconds`;
}

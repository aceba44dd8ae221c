import { KernscaleError } from '../../common/errors.js';
import { HEARTBEAT } from '../promql/freshness.js';
import { PrometheusClient, type PrometheusOptions } from '../promql/client.js';
import { withMatchers } from '../promql/matchers.js';

/** Age of the oldest metrics that count as existing, seconds. */
const LOOK_BACK = 3600;

interface Asked {
  /** Metrics that Prometheus has. */
  readonly metrics: ReadonlySet<string>;
  /** Seconds between two scrapes; undefined without data of the exporter. */
  readonly scrapeInterval: number | undefined;
}

/** Asks Prometheus what `check` must know of it. @throws KernscaleError `PROMETHEUS_ANSWER` */
export async function askPrometheus(
  options: PrometheusOptions,
  matchers: string | undefined,
): Promise<Asked> {
  const client = new PrometheusClient(options);
  const heartbeat = matchers === undefined ? HEARTBEAT : withMatchers(HEARTBEAT, matchers);
  try {
    const now = Date.now() / 1000;
    const [metrics, scrapes] = await Promise.all([
      client.metricNames(now - LOOK_BACK, now),
      client.query(`max(count_over_time(${heartbeat}[5m]))`, now),
    ]);
    if (!metrics.ok) throw new KernscaleError('PROMETHEUS_ANSWER', metrics.message);
    if (!scrapes.ok) throw new KernscaleError('PROMETHEUS_ANSWER', scrapes.message);
    const scraped = scrapes.samples[0]?.value;
    return {
      metrics: metrics.names,
      scrapeInterval: scraped === undefined ? undefined : Math.max(1, Math.round(300 / scraped)),
    };
  } finally {
    await client.close();
  }
}

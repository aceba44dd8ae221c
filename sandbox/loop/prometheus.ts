import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Program } from './process.js';

/** Seconds between two scrapes: short, so that a demo of two minutes has enough samples. */
const SCRAPE_SECONDS = 2;

export interface PrometheusOptions {
  readonly binary: string;
  readonly directory: string;
  readonly port: number;
  readonly exporterPort: number;
  readonly scalerPort: number;
  /** Rule files, or glob patterns of rule files. */
  readonly ruleFiles: readonly string[];
}

/** Debian's Prometheus with a data directory of ours, scraping the exporter and the scaler. */
export function prometheusProgram(options: PrometheusOptions): Program {
  const configFile = join(options.directory, 'prometheus.yml');
  writeFileSync(configFile, stringify(prometheusConfig(options)));
  return {
    name: 'Prometheus',
    command: options.binary,
    args: [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(options.directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${options.port}`,
      '--log.level=warn',
    ],
    logFile: join(options.directory, 'prometheus.log'),
    readyUrl: `http://127.0.0.1:${options.port}/-/ready`,
  };
}

function prometheusConfig(options: PrometheusOptions): object {
  const job = (name: string, port: number) => ({
    job_name: name,
    static_configs: [{ targets: [`127.0.0.1:${port}`] }],
  });
  return {
    global: {
      scrape_interval: `${SCRAPE_SECONDS}s`,
      scrape_timeout: `${SCRAPE_SECONDS}s`,
      evaluation_interval: '5s',
    },
    rule_files: options.ruleFiles,
    scrape_configs: [
      job('kernscale-exporter', options.exporterPort),
      job('kernscale-scaler', options.scalerPort),
    ],
  };
}

export interface StateShare {
  readonly workload: string;
  readonly state: string;
  /** Threads in this state, on average over the last 10 s. */
  readonly threads: number;
}

/**
 * What the threads of each workload of a namespace are doing now.
 *
 * @returns undefined when Prometheus does not answer
 */
export async function threadStates(url: string, namespace: string): Promise<StateShare[] | undefined> {
  const query = `sum by (workload, state) (rate(kernscale_state_seconds_total{namespace="${namespace}"}[10s]))`;
  const samples = await instantQuery(url, query);
  return samples?.map(({ metric, value }) => ({
    workload: metric['workload'] ?? '',
    state: metric['state'] ?? '',
    threads: Number(value[1]),
  }));
}

interface VectorSample {
  metric: Record<string, string>;
  value: [number, string];
}

async function instantQuery(url: string, query: string): Promise<VectorSample[] | undefined> {
  try {
    const response = await fetch(`${url}/api/v1/query?${new URLSearchParams({ query }).toString()}`, {
      signal: AbortSignal.timeout(2000),
    });
    const body = (await response.json()) as { status: string; data?: { result: VectorSample[] } };
    return body.status === 'success' ? body.data?.result : undefined;
  } catch {
    return undefined; // the view shows that there is no answer; the scaler reports why in its decision
  }
}

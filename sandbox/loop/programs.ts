import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { fromRoot, PROMETHEUS } from '../paths.js';
import type { Program } from './process.js';

/** Short, so that a demo of two minutes has enough samples. */
const SCRAPE_INTERVAL = '2s';

export interface Ports {
  exporter: number;
  scaler: number;
  prometheus: number;
}

export interface ProgramOptions {
  readonly ports: Readonly<Ports>;
  /** Receives logs, configuration and Prometheus' data. */
  readonly directory: string;
  readonly nodeName: string;
  readonly kubeconfig: string;
  /** Path of the scaling rules. */
  readonly rules: string;
  /** The scaler decides and changes nothing. */
  readonly dryRun: boolean;
}

export function urlOf(port: number): string {
  return `http://127.0.0.1:${port}`;
}

/** Command lines of exporter, Prometheus and scaler, in the order in which they start. */
export function programs(options: ProgramOptions): Program[] {
  const { ports, nodeName, rules, dryRun } = options;
  return [
    service('exporter', options, [`--kubernetes.node-name=${nodeName}`, '--histograms.detail']),
    prometheus(options),
    service('scaler', options, [
      `--rules=${rules}`,
      `--prometheus.url=${urlOf(ports.prometheus)}`,
      ...(dryRun ? ['--dry-run'] : []),
    ]),
  ];
}

function service(
  name: 'exporter' | 'scaler',
  { ports, directory, kubeconfig }: ProgramOptions,
  args: readonly string[],
): Program {
  return {
    name: `the ${name}`,
    command: process.execPath,
    args: [
      fromRoot(`dist/${name}/main.js`),
      `--web.listen-address=127.0.0.1:${ports[name]}`,
      `--kubernetes.kubeconfig=${kubeconfig}`,
      ...args,
    ],
    logFile: join(directory, `${name}.log`),
    readyUrl: `${urlOf(ports[name])}/-/ready`,
  };
}

function prometheus({ ports, directory }: ProgramOptions): Program {
  const configFile = join(directory, 'prometheus.yml');
  writeFileSync(configFile, stringify(prometheusConfig(ports)));
  return {
    name: 'Prometheus',
    command: PROMETHEUS,
    args: [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${ports.prometheus}`,
      '--log.level=warn',
    ],
    logFile: join(directory, 'prometheus.log'),
    readyUrl: `${urlOf(ports.prometheus)}/-/ready`,
  };
}

function prometheusConfig({ exporter, scaler }: Readonly<Ports>): object {
  const job = (name: string, port: number) => ({
    job_name: name,
    static_configs: [{ targets: [`127.0.0.1:${port}`] }],
  });
  return {
    global: { scrape_interval: SCRAPE_INTERVAL, scrape_timeout: SCRAPE_INTERVAL, evaluation_interval: '5s' },
    rule_files: [fromRoot('rules/prometheus/*.yaml')],
    scrape_configs: [job('kernscale-exporter', exporter), job('kernscale-scaler', scaler)],
  };
}

import { readFileSync } from 'node:fs';
import type { Registry } from 'prom-client';
import { ScalerMetrics, registerState, type StateSources } from '../../scaler/loop/metrics.js';
import { fromRoot } from '../../sandbox/paths.js';
import { observedSelfMetrics } from '../unit/exporter/fixtures.js';

interface Metric {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labels: readonly string[];
}

/** The page `docs/metrics.md`: every metric of ours that exporter and scaler serve, as they describe it themselves. */
export async function metricsPage(): Promise<string> {
  const container = fromExposition(readFileSync(fromRoot('test/golden/exporter.detail.txt'), 'utf8'));
  const self = fromExposition(Buffer.from(await observedSelfMetrics().render('text')).toString());
  const common = ['namespace', 'pod', 'container', 'workload', 'workload_kind'];
  const perContainer = container.map((metric) => ({
    ...metric,
    labels: metric.labels.filter((label) => !common.includes(label)),
  }));
  return `# Metrics

Written by \`npm run metrics\` from what exporter and scaler say about themselves. The unit is in the name. A histogram
has \`_bucket\`, \`_sum\` and \`_count\`, or none of them as a native one. Those of Node.js (\`process_*\`, \`nodejs_*\`),
which both serve too, are left out.

## Exporter, per container

With the labels ${common.map((label) => `\`${label}\``).join(', ')} and:

${table(perContainer)}
## Exporter, on itself

${table(self)}
## Scaler

${table(fromRegistry(scalerRegistry()))}`;
}

function table(metrics: readonly Metric[]): string {
  const rows = metrics
    .filter(({ name }) => name.startsWith('kernscale_'))
    .map(({ name, type, help, labels }) => {
      const listed = labels.map((label) => `\`${label}\``).join(', ');
      return `| \`${name}\` | ${type} | ${listed} | ${help.replaceAll('|', '\\|')} |\n`;
    });
  return `| metric | type | labels | |\n|---|---|---|---|\n${rows.join('')}`;
}

/** Reads the text format; the samples tell the labels. */
function fromExposition(text: string): Metric[] {
  return text
    .split(/^(?=# HELP )/m)
    .filter((family) => family.startsWith('# HELP '))
    .map((family) => {
      const [, name, help] = /^# HELP (\S+) (.*)$/m.exec(family)!;
      const type = /^# TYPE \S+ (\S+)$/m.exec(family)![1]!;
      const labels = [...family.matchAll(/(\w+)="/g)].map(([, label]) => label!);
      return {
        name: name!,
        help: help!,
        type,
        labels: [...new Set(labels)].filter((label) => label !== 'le'),
      };
    });
}

function scalerRegistry(): Registry {
  const { registry } = new ScalerMetrics();
  registerState(registry, {} as StateSources);
  return registry;
}

/** prom-client's types leave out what its metrics have. */
function fromRegistry(registry: Registry): Metric[] {
  const metrics = registry.getMetricsAsArray() as unknown as {
    name: string;
    help: string;
    labelNames: string[];
    constructor: { name: string };
  }[];
  return metrics.map(({ name, help, labelNames, constructor }) => ({
    name,
    help,
    labels: labelNames,
    type: constructor.name.toLowerCase(),
  }));
}

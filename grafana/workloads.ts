/* eslint-disable @typescript-eslint/no-deprecated -- the newer schema can be provisioned from files only since Grafana 12 */
import {
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  VariableSort,
  type Dashboard,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { lines, stacked, type Query } from './panels.js';

const SELECTED = 'namespace=~"$namespace", workload=~"$workload"';
const DATASOURCE = { type: 'prometheus', uid: '$datasource' };

/** Running and runnable states from green to red, blocked states in other colours. */
const STATE_COLOURS = {
  oncpu: 'green',
  runqueue: 'yellow',
  throttled: 'red',
  disk: 'purple',
  network: 'blue',
  lock: 'orange',
  ipc: 'light-blue',
  reclaim: 'dark-red',
  other: 'text',
};

/** File name below `grafana/dashboards/` → its content, as Grafana's file provisioning reads it. */
export function dashboardFiles(): Map<string, string> {
  return new Map([['kernscale-workloads.json', `${JSON.stringify(workloadsDashboard(), null, 2)}\n`]]);
}

/** The dashboard "Kernscale / Workloads": the causes of load per workload, and the decisions of the scaler. */
function workloadsDashboard(): Dashboard {
  const dashboard = new DashboardBuilder('Kernscale / Workloads')
    .uid('kernscale-workloads')
    .description('Causes of load per workload, read in the kernel, and the decisions of the scaler')
    .tags(['kernscale'])
    .timezone('browser')
    .refresh('10s')
    .time({ from: 'now-30m', to: 'now' })
    .tooltip(DashboardCursorSync.Crosshair)
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'))
    .withVariable(labelVariable('namespace', 'Namespace', 'kernscale_container_info'))
    .withVariable(labelVariable('workload', 'Workload', 'kernscale_container_info{namespace=~"$namespace"}'));
  addCause(dashboard);
  addScaling(dashboard);
  addWaiting(dashboard);
  addSelf(dashboard);
  return dashboard.build();
}

function labelVariable(label: string, title: string, metric: string): QueryVariableBuilder {
  return new QueryVariableBuilder(label)
    .label(title)
    .datasource(DATASOURCE)
    .query(`label_values(${metric}, ${label})`)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ text: 'All', value: '$__all' });
}

function addCause(dashboard: DashboardBuilder): void {
  dashboard
    .withRow(new RowBuilder('Cause'))
    .withPanel(
      stacked(
        {
          title: 'Thread states',
          description: 'Mean number of threads in each state, without idle and sleeping threads.',
          unit: 'short',
        },
        {
          expr: `sum by (state) (rate(kernscale_state_seconds_total{${SELECTED}, state!~"idle|sleep"}[$__rate_interval]))`,
          legend: '{{state}}',
        },
        STATE_COLOURS,
      ).datasource(DATASOURCE),
    )
    .withPanel(
      lines(
        {
          title: 'CPU used, wanted and requested',
          description:
            'Cores that a workload uses, threads that want a CPU (those that use one included), and cores that its pods request.',
          unit: 'short',
        },
        [
          {
            expr: `sum by (workload) (rate(kernscale_state_seconds_total{${SELECTED}, state="oncpu"}[$__rate_interval]))`,
            legend: '{{workload}} used',
          },
          {
            expr: `sum by (workload) (rate(kernscale_state_seconds_total{${SELECTED}, state=~"oncpu|runqueue|throttled"}[$__rate_interval]))`,
            legend: '{{workload}} wanted',
          },
          {
            expr: `sum by (workload) (kernscale_container_cpu_request_cores{${SELECTED}})`,
            legend: '{{workload}} request',
          },
        ],
      ).datasource(DATASOURCE),
    );
}

function addScaling(dashboard: DashboardBuilder): void {
  dashboard
    .withRow(new RowBuilder('Scaling'))
    .withPanel(
      lines({ title: 'Replicas', description: 'Current and desired replicas of each rule.', unit: 'short' }, [
        { expr: `kernscale_rule_current_replicas{${SELECTED}}`, legend: '{{workload}} current' },
        { expr: `kernscale_rule_desired_replicas{${SELECTED}}`, legend: '{{workload}} desired' },
      ]).datasource(DATASOURCE),
    )
    .withPanel(
      lines(
        {
          title: 'Requests served',
          description: 'Responses begun per second, measured at the server.',
          unit: 'reqps',
        },
        [
          {
            expr: `sum by (workload) (rate(kernscale_tcp_serve_seconds_count{${SELECTED}}[$__rate_interval]))`,
            legend: '{{workload}}',
          },
        ],
      ).datasource(DATASOURCE),
    );
}

function addWaiting(dashboard: DashboardBuilder): void {
  const p99 = (title: string, description: string, queries: Query[]) =>
    lines({ title, description, unit: 's' }, queries).datasource(DATASOURCE);
  dashboard
    .withRow(new RowBuilder('Waiting'))
    .withPanel(
      p99('Wait for a CPU, 99th percentile', 'Length of one wait on the run queue.', [
        quantile('kernscale_runqueue_seconds', 'workload'),
      ]),
    )
    .withPanel(
      p99('Block I/O latency, 99th percentile', 'Device time of one request.', [
        quantile('kernscale_blockio_seconds', 'workload, device, op'),
      ]),
    )
    .withPanel(
      lines(
        {
          title: 'Waiting for peers',
          description:
            'Seconds per second that a workload waits for responses from each peer, with the workload behind its address, or ? if that is outside this cluster.',
          unit: 'short',
        },
        [
          {
            expr: waitingForPeers(),
            legend: '{{workload}} on {{peer_workload}} ({{peer}})',
          },
        ],
      ).datasource(DATASOURCE),
    )
    .withPanel(
      p99(
        'Response time, 99th percentile',
        'From request to first byte of the response, measured at the server.',
        [quantile('kernscale_tcp_serve_seconds', 'workload')],
      ),
    );
}

function addSelf(dashboard: DashboardBuilder): void {
  dashboard
    .withRow(new RowBuilder('Kernscale itself'))
    .withPanel(
      lines(
        {
          title: 'Probes attached',
          description: 'BPF programs attached per probe; a probe that failed has 0.',
          unit: 'short',
        },
        [{ expr: 'sum by (probe) (kernscale_probe_attached)', legend: '{{probe}}' }],
      ).datasource(DATASOURCE),
    )
    .withPanel(
      lines(
        {
          title: 'Scrape duration',
          description: 'Duration of a scrape, as Prometheus measures it.',
          unit: 's',
        },
        [{ expr: 'scrape_duration_seconds{job=~"kernscale.*"}', legend: '{{job}} {{instance}}' }],
      ).datasource(DATASOURCE),
    );
}

/** Takes any one name of a peer while two scalers disagree: two names would fail the whole panel. */
function waitingForPeers(): string {
  const waits = `sum by (workload, peer) (rate(kernscale_tcp_wait_seconds_sum{${SELECTED}}[$__rate_interval]))`;
  const peers = 'label_replace(kernscale_endpoint_info, "peer", "$1", "address", "(.*)")';
  const names = `label_replace(${peers}, "peer_workload", "$1", "workload", "(.*)")`;
  const named = `${waits} * on (peer) group_left (peer_workload) topk by (peer) (1, ${names})`;
  return `${named} or on (workload, peer) label_replace(${waits}, "peer_workload", "?", "", "")`;
}

function quantile(metric: string, by: string): Query {
  const legend = by
    .split(', ')
    .map((label) => `{{${label}}}`)
    .join(' ');
  // Prefers the native histogram, whose bounds are closer, where Prometheus stores it.
  const native = `sum by (${by}) (rate(${metric}{${SELECTED}}[$__rate_interval]))`;
  const classic = `sum by (le, ${by}) (rate(${metric}_bucket{${SELECTED}}[$__rate_interval]))`;
  return { expr: `histogram_quantile(0.99, ${native}) or histogram_quantile(0.99, ${classic})`, legend };
}

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

/** Work in green to red, waiting in the other colours: the same in every picture of Kernscale. */
const STATE_COLOURS = {
  oncpu: 'green',
  runqueue: 'yellow',
  throttled: 'red',
  disk: 'purple',
  network: 'blue',
  lock: 'orange',
  ipc: 'light-blue',
  other: 'text',
};

/** The dashboard "Kernscale / Workloads": why each workload is slow, and what was done about it. */
export function workloadsDashboard(): Dashboard {
  const dashboard = new DashboardBuilder('Kernscale / Workloads')
    .uid('kernscale-workloads')
    .description('Why each workload is slow, read in the kernel, and what the scaler did about it')
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
          title: 'What the threads are doing',
          description:
            'Threads in each state on average; threads that are idle or asleep by their own will are left out.',
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
          title: 'CPU demand and request',
          description:
            'Cores that a workload would use (on a CPU, waiting for one, or throttled), and cores its pods request.',
          unit: 'short',
        },
        [
          {
            expr: `sum by (workload) (rate(kernscale_state_seconds_total{${SELECTED}, state=~"oncpu|runqueue|throttled"}[$__rate_interval]))`,
            legend: '{{workload}} demand',
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
      lines(
        { title: 'Replicas', description: 'What each rule found and what it asked for.', unit: 'short' },
        [
          { expr: `kernscale_rule_current_replicas{${SELECTED}}`, legend: '{{workload}} current' },
          { expr: `kernscale_rule_desired_replicas{${SELECTED}}`, legend: '{{workload}} desired' },
        ],
      ).datasource(DATASOURCE),
    )
    .withPanel(
      lines(
        { title: 'Requests served', description: 'Answers that began, seen at the server.', unit: 'reqps' },
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
            'Seconds per second that a workload has waited for each peer to answer, with the workload behind its address; ? where that is none in this cluster.',
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
      p99('Answer time, 99th percentile', 'Request received to first byte of the answer, at the server.', [
        quantile('kernscale_tcp_serve_seconds', 'workload'),
      ]),
    );
}

function addSelf(dashboard: DashboardBuilder): void {
  dashboard
    .withRow(new RowBuilder('Kernscale itself'))
    .withPanel(
      lines(
        {
          title: 'Probes attached',
          description: 'BPF programs attached per probe; a drop to 0 is a probe that failed.',
          unit: 'short',
        },
        [{ expr: 'sum by (probe) (kernscale_probe_attached)', legend: '{{probe}}' }],
      ).datasource(DATASOURCE),
    )
    .withPanel(
      lines({ title: 'Scrape duration', description: 'Time Prometheus needed for one scrape.', unit: 's' }, [
        { expr: 'scrape_duration_seconds{job=~"kernscale.*"}', legend: '{{job}} {{instance}}' },
      ]).datasource(DATASOURCE),
    );
}

/** Of two scalers that disagree for a moment, any one is believed: two names for a peer would fail the whole panel. */
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
  // From the native histogram where Prometheus keeps it, because its bounds are closer.
  const native = `sum by (${by}) (rate(${metric}{${SELECTED}}[$__rate_interval]))`;
  const classic = `sum by (le, ${by}) (rate(${metric}_bucket{${SELECTED}}[$__rate_interval]))`;
  return { expr: `histogram_quantile(0.99, ${native}) or histogram_quantile(0.99, ${classic})`, legend };
}

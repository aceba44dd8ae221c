import { anyOf, frame, row, type Dashboard } from './frame.js';
import { lines, stat, table, timeline } from './panels.js';
import { CLASSES, classOf, HARMS, harmOf, rate } from './queries.js';

const SELECTED = 'namespace=~"$namespace", workload=~"$workload"';
const STARVING = rate('kernscale_state_seconds_total', `${SELECTED}, state=~"runqueue|throttled"`);

/** What all workloads are bound by, which of them are harmed, and how many replicas they have. */
export function fleet(): Dashboard {
  const dashboard = frame({
    uid: 'kernscale-fleet',
    title: 'Fleet',
    description: 'What every workload is bound by, which of them are harmed, and how many replicas they have',
    scalings: SELECTED,
  })
    .withVariable(anyOf('namespace', 'Namespace', 'kernscale_container_info'))
    .withVariable(anyOf('workload', 'Workload', 'kernscale_container_info{namespace=~"$namespace"}'));
  row(dashboard, 'Now', [scaled(), harmed(), wanting(), yielding(), workloads()]);
  row(dashboard, 'Causes', [classes(), harms()]);
  row(dashboard, 'Load', [cpu(), starving(), replicas(), requests()]);
  return dashboard.build();
}

const ofWorkloads = (expr: string) => `max by (namespace, workload) (${expr})`;
const perNamespace = (expr: string) => ({ expr: `sum by (namespace) (${expr})`, legend: '{{namespace}}' });

function scaled() {
  return stat(
    { title: 'Scaled workloads', description: 'Workloads that a rule scales.', unit: 'short' },
    perNamespace(ofWorkloads(`kernscale_rule_current_replicas{${SELECTED}} >= bool 0`)),
  );
}

function harmed() {
  return stat(
    {
      title: 'Harmed workloads',
      description: 'Workloads whose requests are slow, pile up or are given up on.',
      unit: 'short',
    },
    perNamespace(ofWorkloads(`kernscale_rule_harmed{${SELECTED}}`)),
    1,
  );
}

function wanting() {
  const max = `kernscale_rule_max_replicas{${SELECTED}}`;
  return stat(
    {
      title: 'Limited by maxReplicas',
      description: 'Workloads whose load calls for more replicas than their rule allows.',
      unit: 'short',
    },
    perNamespace(ofWorkloads(`kernscale_rule_recommended_replicas{${SELECTED}} > bool ${max}`)),
    1,
  );
}

function yielding() {
  return stat(
    {
      title: 'Left to another',
      description:
        'Workloads that another autoscaler, a pause or another writer keeps Kernscale from scaling.',
      unit: 'short',
    },
    perNamespace(
      ofWorkloads(`kernscale_rule_yields{${SELECTED}} or 0 * kernscale_rule_current_replicas{${SELECTED}}`),
    ),
    1,
  );
}

function workloads() {
  const used = rate('kernscale_state_seconds_total', `${SELECTED}, state="oncpu"`);
  return table(
    {
      title: 'Workloads',
      description:
        'Each workload with its class, its harm and its replicas. The name links to the dashboard of the workload.',
      unit: 'short',
    },
    [
      { expr: `max by (namespace, workload, class) (kernscale_rule_class{${SELECTED}})` },
      { title: 'Harmed', unit: 'bool_yes_no', expr: ofWorkloads(`kernscale_rule_harmed{${SELECTED}}`) },
      { title: 'Replicas', expr: ofWorkloads(`kernscale_rule_current_replicas{${SELECTED}}`) },
      { title: 'Recommended', expr: ofWorkloads(`kernscale_rule_recommended_replicas{${SELECTED}}`) },
      { title: 'Minimum', expr: ofWorkloads(`kernscale_rule_min_replicas{${SELECTED}}`) },
      { title: 'Maximum', expr: ofWorkloads(`kernscale_rule_max_replicas{${SELECTED}}`) },
      {
        title: 'Demand of target',
        unit: 'percentunit',
        expr: ofWorkloads(`kernscale_rule_demand_ratio{${SELECTED}}`),
      },
      { title: 'Cores used', expr: `sum by (namespace, workload) (${used})` },
      {
        title: 'Cores requested',
        expr: `sum by (namespace, workload) (kernscale_container_cpu_request_cores{${SELECTED}})`,
      },
    ],
  );
}

function classes() {
  return timeline(
    {
      title: 'Class',
      description: 'The resource that each workload is bound by, as its rule decides on it.',
      unit: 'short',
    },
    { expr: classOf(SELECTED), legend: '{{namespace}}/{{workload}}' },
    CLASSES,
  );
}

function harms() {
  return timeline(
    {
      title: 'Harm',
      description:
        'Whether the requests of each workload suffer, and from what. Workloads whose requests are not measured have no bar.',
      unit: 'short',
    },
    { expr: harmOf(SELECTED), legend: '{{namespace}}/{{workload}}' },
    HARMS,
  );
}

function cpu() {
  const states = (matcher: string) => rate('kernscale_state_seconds_total', `${SELECTED}, state${matcher}`);
  const line = (expr: string, what: string) => ({
    expr: `sum by (namespace) (${expr})`,
    legend: `{{namespace}} ${what}`,
  });
  return lines(
    {
      title: 'CPU used, wanted and requested',
      description:
        'Cores used, threads that run or wait for a CPU, and cores that pods request, in each namespace.',
      unit: 'short',
    },
    [
      line(states('="oncpu"'), 'used'),
      line(states('=~"oncpu|runqueue|throttled"'), 'wanted'),
      line(`kernscale_container_cpu_request_cores{${SELECTED}}`, 'requested'),
    ],
  );
}

function starving() {
  return lines(
    {
      title: 'Longest waits for a CPU',
      description:
        'Mean number of threads that wait for a CPU or are out of quota, in the ten workloads that have most of them.',
      unit: 'short',
    },
    [
      {
        expr: `topk(10, sum by (namespace, workload) (${STARVING}))`,
        legend: '{{namespace}}/{{workload}}',
      },
    ],
  );
}

function replicas() {
  return lines(
    {
      title: 'Replicas',
      description: 'Replicas of the workloads that rules scale, by namespace.',
      unit: 'short',
    },
    [perNamespace(ofWorkloads(`kernscale_rule_current_replicas{${SELECTED}}`))],
  );
}

function requests() {
  return lines(
    {
      title: 'Requests served',
      description: 'Responses begun per second, measured at the servers, by namespace.',
      unit: 'reqps',
    },
    [perNamespace(rate('kernscale_tcp_serve_seconds_count', SELECTED))],
  );
}

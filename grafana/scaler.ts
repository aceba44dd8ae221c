import { anyOf, frame, row, type Dashboard } from './frame.js';
import { heatmap, lines, stat, table } from './panels.js';
import { quantile, rate } from './queries.js';

const PROCESS = 'job=~"$job", instance=~"$instance"';
const RULES = `${PROCESS}, namespace=~"$namespace", workload=~"$workload"`;

/** Whether the scaler does its work, and what keeps rules from acting. */
export function scaler(): Dashboard {
  const dashboard = frame({
    uid: 'kernscale-scaler',
    title: 'Scaler',
    description: 'Whether the scaler does its work, and what keeps its rules from acting',
    scalings: RULES,
  })
    .withVariable(anyOf('job', 'Job', 'kernscale_leader'))
    .withVariable(anyOf('instance', 'Instance', 'kernscale_leader{job=~"$job"}'))
    .withVariable(anyOf('namespace', 'Namespace', `kernscale_rule_current_replicas{${PROCESS}}`))
    .withVariable(
      anyOf('workload', 'Workload', `kernscale_rule_current_replicas{${PROCESS}, namespace=~"$namespace"}`),
    );
  row(dashboard, 'Now', [leaders(), problems(), brokenRules(), skew()]);
  row(dashboard, 'Decisions', [scalings(), holds(), ages(), confidence(), rules()]);
  row(dashboard, 'Rounds', [rounds(), lateRounds(), roundAge(), queries(), queryTime(), watches()]);
  row(dashboard, 'Process', [cpu(), memory(), lag()]);
  return dashboard.build();
}

const INSTANCE = '{{instance}}';

function leaders() {
  return stat(
    {
      title: 'Leader',
      description: '1 for the process that scales, 0 for one that stands by.',
      unit: 'short',
    },
    { expr: `kernscale_leader{${PROCESS}}`, legend: INSTANCE },
  );
}

function problems() {
  return stat(
    { title: 'Problems', description: 'Problems that the page of the scaler names.', unit: 'short' },
    { expr: `kernscale_problems{${PROCESS}}`, legend: INSTANCE },
    1,
  );
}

function brokenRules() {
  return stat(
    {
      title: 'Broken rule files',
      description: '1 while the rule files have errors: the last good rules stay in force.',
      unit: 'short',
    },
    { expr: `1 - kernscale_config_last_reload_successful{${PROCESS}}`, legend: INSTANCE },
    1,
  );
}

function skew() {
  return stat(
    {
      title: 'Clock ahead of Prometheus',
      description:
        "Difference of the scaler's clock to that of Prometheus. Data look older than they are by it.",
      unit: 's',
    },
    { expr: `kernscale_prometheus_clock_skew_seconds{${PROCESS}}`, legend: INSTANCE },
    5,
  );
}

function scalings() {
  return lines(
    {
      title: 'Changes of replicas',
      description: 'Decisions to change replicas per second, by direction and by what came of them.',
      unit: 'ops',
    },
    [
      {
        expr: `sum by (direction, outcome) (${rate('kernscale_scale_total', PROCESS)})`,
        legend: '{{direction}}, {{outcome}}',
      },
    ],
  );
}

function holds() {
  return lines(
    {
      title: 'Holds',
      description:
        'Decisions per second in which a constraint kept the replicas as they were, by constraint.',
      unit: 'ops',
    },
    [
      {
        expr: `sum by (namespace, reason) (${rate('kernscale_rule_holds_total', RULES)})`,
        legend: '{{namespace}}, {{reason}}',
      },
    ],
  );
}

function ages() {
  return lines(
    {
      title: 'Age of the last complete data',
      description:
        'Time since a rule last had all data that it needs. Above 5 minutes, KernscaleRuleWithoutData fires.',
      unit: 's',
    },
    [
      {
        expr: `time() - max by (namespace, workload) (kernscale_rule_last_success_timestamp_seconds{${RULES}})`,
        legend: '{{namespace}}/{{workload}}',
      },
    ],
    300,
  );
}

function confidence() {
  return lines(
    {
      title: 'Confidence of the demand',
      description:
        '1 if the estimate of the demand is certain; 0 orders one doubling at most, and no shrinking.',
      unit: 'short',
    },
    [
      {
        expr: `min by (namespace, workload) (kernscale_rule_demand_confidence{${RULES}})`,
        legend: '{{namespace}}/{{workload}}',
      },
    ],
  );
}

function rules() {
  const of = (metric: string, by = '') =>
    `max by (group, scale, namespace, workload${by}) (${metric}{${RULES}})`;
  return table(
    {
      title: 'Rules',
      description:
        'Each rule with the method that estimates its demand, its demand of the target, and its limits.',
      unit: 'short',
    },
    [
      { expr: of('kernscale_rule_class', ', class') },
      { expr: of('kernscale_rule_demand_method', ', method') },
      { title: 'Demand of target', unit: 'percentunit', expr: of('kernscale_rule_demand_ratio') },
      { title: 'Demand in cores', expr: of('kernscale_rule_demand_cores') },
      { title: 'Target per pod in cores', expr: of('kernscale_rule_pod_target_cores') },
      { title: 'Replicas', expr: of('kernscale_rule_current_replicas') },
      { title: 'Minimum', expr: of('kernscale_rule_min_replicas') },
      { title: 'Maximum', expr: of('kernscale_rule_max_replicas') },
      { title: 'Left to another', unit: 'bool_yes_no', expr: of('kernscale_rule_yields', ', reason, by') },
    ],
  );
}

function rounds() {
  return heatmap(
    {
      title: 'Duration of rounds',
      description: 'Rounds per second by the time that their queries, decisions and writes take.',
      unit: 's',
    },
    'kernscale_rule_group_duration_seconds',
    PROCESS,
    '',
  );
}

function lateRounds() {
  const line = (what: string, legend: string) => ({
    expr: `sum by (group) (${rate(`kernscale_rule_group_${what}_rounds_total`, PROCESS)})`,
    legend,
  });
  return lines(
    {
      title: 'Missed and failed rounds',
      description:
        'Rounds per second that are skipped because the one before still runs, or that end with an error.',
      unit: 'ops',
    },
    [line('missed', '{{group}} missed'), line('failed', '{{group}} failed')],
  );
}

function roundAge() {
  return lines(
    {
      title: 'Age of the last good round',
      description: 'Time since a round of the group ended without an error.',
      unit: 's',
    },
    [
      {
        expr: `time() - max by (group) (kernscale_rule_group_last_success_timestamp_seconds{${PROCESS}})`,
        legend: '{{group}}',
      },
    ],
    300,
  );
}

function queries() {
  return lines(
    {
      title: 'Queries to Prometheus',
      description:
        'Queries per second by outcome. Every outcome but success is a missing value, never a zero.',
      unit: 'reqps',
    },
    [
      {
        expr: `sum by (outcome) (${rate('kernscale_promql_queries_total', PROCESS)})`,
        legend: '{{outcome}}',
      },
    ],
  );
}

function queryTime() {
  return lines(
    { title: 'Query time, 99th percentile', description: 'Duration of one query to Prometheus.', unit: 's' },
    [
      {
        expr: quantile(0.99, 'kernscale_promql_query_duration_seconds', PROCESS, 'instance'),
        legend: INSTANCE,
      },
    ],
  );
}

function watches() {
  return lines(
    {
      title: 'Restarted watches',
      description: 'Watches of the Kubernetes API per second that ended and were begun again.',
      unit: 'ops',
    },
    [{ expr: rate('kernscale_watch_restarts_total', PROCESS), legend: INSTANCE }],
  );
}

const SCALERS = `and on (job, instance) kernscale_leader{${PROCESS}}`;

function cpu() {
  return lines({ title: 'CPU of the scaler', description: 'Cores that the process uses.', unit: 'short' }, [
    { expr: `${rate('process_cpu_seconds_total', PROCESS)} ${SCALERS}`, legend: INSTANCE },
  ]);
}

function memory() {
  return lines(
    { title: 'Memory of the scaler', description: 'Resident memory of the process.', unit: 'bytes' },
    [{ expr: `process_resident_memory_bytes{${PROCESS}} ${SCALERS}`, legend: INSTANCE }],
  );
}

function lag() {
  return lines(
    {
      title: 'Event loop lag, 99th percentile',
      description: 'Time for which the process could not react. Lease and health checks suffer from it.',
      unit: 's',
    },
    [{ expr: `nodejs_eventloop_lag_p99_seconds{${PROCESS}} ${SCALERS}`, legend: INSTANCE }],
  );
}

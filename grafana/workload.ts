import { anyOf, frame, oneOf, row, WORKLOAD_UID, type Dashboard } from './frame.js';
import { heatmap, lines, stacked, table, timeline, type Query } from './panels.js';
import { CLASSES, classOf, HARMS, harmOf, namePeers, quantile, rate, STATE_COLOURS } from './queries.js';

const RULE = 'namespace="$namespace", workload="$workload"';
const PODS = `${RULE}, pod=~"$pod"`;
const BY = 'namespace, workload';

/** One workload: what its threads and requests do, and what its rule decides. */
export function workload(): Dashboard {
  const dashboard = frame({
    uid: WORKLOAD_UID,
    title: 'Workload',
    description: 'What the threads and the requests of one workload do, and what its rule decides',
    scalings: RULE,
  })
    .withVariable(oneOf('namespace', 'Namespace', 'kernscale_container_info'))
    .withVariable(oneOf('workload', 'Workload', 'kernscale_container_info{namespace="$namespace"}'))
    .withVariable(anyOf('pod', 'Pod', `kernscale_container_info{${RULE}}`));
  row(dashboard, 'Decision', [replicas(), demand(), bound(), harm()]);
  row(dashboard, 'Cause', [states(), cpu(), serving(), starved()]);
  row(dashboard, 'Requests', [requests(), outstanding(), responseTime(), usual(), responses()]);
  row(dashboard, 'Waiting', [runQueue(), disk(), blocked(), peers()]);
  row(dashboard, 'Pods', [pods()]);
  return dashboard.build();
}

function replicas() {
  const line = (name: string): Query => ({
    expr: `max by (${BY}) (kernscale_rule_${name}_replicas{${RULE}})`,
    legend: name,
  });
  return lines(
    {
      title: 'Replicas',
      description:
        'Current, desired and recommended replicas, between the limits of the rule. The recommendation is before any limit.',
      unit: 'short',
    },
    ['current', 'desired', 'recommended', 'min', 'max'].map(line),
  );
}

function demand() {
  return lines(
    {
      title: 'Demand of target',
      description:
        'Demand divided by target: above 1, the pods carry more than they should. No line while the rule sizes by nothing.',
      unit: 'percentunit',
    },
    [
      { expr: `max by (${BY}) (kernscale_rule_demand_ratio{${RULE}})`, legend: 'demand / target' },
      {
        expr: `max by (${BY}) (kernscale_rule_demand_confidence{${RULE}})`,
        legend: 'confidence of the demand',
      },
    ],
    1,
  );
}

function bound() {
  return timeline(
    {
      title: 'Class',
      description: 'The resource that the workload is bound by, as its rule decides on it.',
      unit: 'short',
    },
    { expr: classOf(RULE), legend: 'class' },
    CLASSES,
  ).height(5);
}

function harm() {
  return timeline(
    {
      title: 'Harm',
      description: 'Whether requests suffer, and from what. No bar where requests are not measured.',
      unit: 'short',
    },
    { expr: harmOf(RULE), legend: 'harm' },
    HARMS,
  ).height(5);
}

function states() {
  return stacked(
    {
      title: 'Thread states',
      description: 'Mean number of threads in each state, without idle and sleeping threads.',
      unit: 'short',
    },
    {
      expr: `sum by (${BY}, state) (${rate('kernscale_state_seconds_total', `${PODS}, state!~"idle|sleep"`)})`,
      legend: '{{state}}',
    },
    STATE_COLOURS,
  );
}

function cpu() {
  const threads = (matcher: string) =>
    `sum by (${BY}) (${rate('kernscale_state_seconds_total', `${PODS}, state${matcher}`)})`;
  const cores = (name: string) => `sum by (${BY}) (kernscale_container_cpu_${name}_cores{${PODS}})`;
  return lines(
    {
      title: 'CPU used, wanted, requested and limited',
      description:
        'Cores that the pods use, threads that run or wait for a CPU, and the CPU requests and limits of the pods.',
      unit: 'short',
    },
    [
      { expr: threads('="oncpu"'), legend: 'used' },
      { expr: threads('=~"oncpu|runqueue|throttled"'), legend: 'wanted' },
      { expr: cores('request'), legend: 'requested' },
      { expr: cores('limit'), legend: 'limit' },
    ],
  );
}

function serving() {
  return stacked(
    {
      title: 'Threads that serve requests',
      description: 'States of the threads that have read a request and not answered it yet.',
      unit: 'short',
    },
    {
      expr: `sum by (${BY}, state) (${rate('kernscale_serving_seconds_total', PODS)})`,
      legend: '{{state}}',
    },
    STATE_COLOURS,
  );
}

function starved() {
  return lines(
    {
      title: 'Starved time',
      description:
        'Share of the time in which at least one thread of a pod waits for a CPU or is out of quota.',
      unit: 'percentunit',
    },
    [
      {
        expr: `sum by (${BY}, pod) (${rate('kernscale_cpu_starved_seconds_total', PODS)})`,
        legend: '{{pod}}',
      },
    ],
    0.8,
  );
}

function requests() {
  const line = (metric: string, legend: string): Query => ({
    expr: `sum by (${BY}) (${rate(metric, PODS)})`,
    legend,
  });
  return lines(
    {
      title: 'Requests',
      description:
        'Requests per second that arrive, are answered, are given up by their clients, or get no answer.',
      unit: 'reqps',
    },
    [
      line('kernscale_tcp_requests_total', 'arrived'),
      line('kernscale_tcp_serve_seconds_count', 'answered'),
      line('kernscale_tcp_requests_abandoned_total', 'abandoned'),
      line('kernscale_tcp_requests_dropped_total', 'dropped'),
    ],
  );
}

function outstanding() {
  return lines(
    {
      title: 'Outstanding requests',
      description: 'Requests that wait for the first byte of their response, in each pod.',
      unit: 'short',
    },
    [
      {
        expr: `sum by (${BY}, pod) (kernscale_tcp_requests_outstanding{${PODS}})`,
        legend: '{{pod}}',
      },
    ],
  );
}

function responseTime() {
  const line = (q: number): Query => ({
    expr: quantile(q, 'kernscale_tcp_serve_seconds', PODS, BY),
    legend: `p${q * 100}`,
  });
  return lines(
    {
      title: 'Response time',
      description: 'From a request to the first byte of its response, measured at the server: quantiles.',
      unit: 's',
    },
    [line(0.5), line(0.9), line(0.99)],
  );
}

function usual() {
  return lines(
    {
      title: 'Response time against the usual',
      description:
        'Mean time of a request in the window that harm is judged by, and what is usual for the workload, once it is known.',
      unit: 's',
    },
    [
      { expr: `max by (${BY}) (kernscale_rule_request_seconds{${RULE}})`, legend: 'now' },
      { expr: `max by (${BY}) (kernscale_rule_request_usual_seconds{${RULE}})`, legend: 'usual' },
    ],
  );
}

function responses() {
  return heatmap(
    {
      title: 'Distribution of response times',
      description: 'Requests per second by the time to the first byte of their response.',
      unit: 's',
    },
    'kernscale_tcp_serve_seconds',
    PODS,
    BY,
  ).span(24);
}

function runQueue() {
  return heatmap(
    {
      title: 'Waits for a CPU',
      description: 'Waits on the run queue per second, by their length.',
      unit: 's',
    },
    'kernscale_runqueue_seconds',
    PODS,
    BY,
  );
}

function disk() {
  return heatmap(
    {
      title: 'Block I/O latency',
      description: 'Block requests per second, by their time at the device. Empty without block I/O.',
      unit: 's',
    },
    'kernscale_blockio_seconds',
    PODS,
    BY,
  );
}

function blocked() {
  return lines(
    {
      title: 'Blocked intervals, 99th percentile',
      description: 'Length of one blocked interval, by the reason of the block.',
      unit: 's',
    },
    [{ expr: quantile(0.99, 'kernscale_offcpu_seconds', PODS, `${BY}, reason`), legend: '{{reason}}' }],
  );
}

function peers() {
  const waits = `sum by (${BY}, peer) (${rate('kernscale_tcp_wait_seconds_sum', PODS)})`;
  return lines(
    {
      title: 'Waiting for peers',
      description:
        'Requests to each peer that wait for their response, on average, with the name of the workload behind it.',
      unit: 'short',
    },
    [{ expr: namePeers(waits, BY), legend: '{{peer_namespace}}/{{peer_workload}} ({{peer}})' }],
  );
}

function pods() {
  const ofPods = (expr: string) => `sum by (${BY}, pod) (${expr})`;
  return table({ title: 'Pods', description: 'What each pod uses, and what it is given.', unit: 'short' }, [
    {
      title: 'Cores used',
      expr: ofPods(rate('kernscale_state_seconds_total', `${PODS}, state="oncpu"`)),
    },
    { title: 'Cores requested', expr: ofPods(`kernscale_container_cpu_request_cores{${PODS}}`) },
    {
      title: 'Starved',
      unit: 'percentunit',
      expr: ofPods(rate('kernscale_cpu_starved_seconds_total', PODS)),
    },
    {
      title: 'Requests answered',
      unit: 'reqps',
      expr: ofPods(rate('kernscale_tcp_serve_seconds_count', PODS)),
    },
  ]);
}

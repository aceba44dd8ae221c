import {
  EdgeOptionsBuilder,
  PanelBuilder as NodeGraphBuilder,
} from '@grafana/grafana-foundation-sdk/nodegraph';
import { anyOf, frame, row, type Dashboard } from './frame.js';
import { framed, heatmap, lines, now, table, type Query } from './panels.js';
import { namePeers, quantile, rate } from './queries.js';

const SELECTED = 'namespace=~"$namespace", workload=~"$workload"';
const BY = 'namespace, workload';
const PEER = '{{namespace}}/{{workload}} on {{peer}}';

/** Which workload waits on which. */
export function dependencies(): Dashboard {
  const dashboard = frame({
    uid: 'kernscale-dependencies',
    title: 'Dependencies',
    description:
      'Which workload calls which, how long it waits for the responses, and what fails between them',
    scalings: SELECTED,
  })
    .withVariable(anyOf('namespace', 'Namespace', 'kernscale_tcp_wait_seconds_count'))
    .withVariable(anyOf('workload', 'Workload', 'kernscale_tcp_wait_seconds_count{namespace=~"$namespace"}'));
  row(dashboard, 'Graph', [graph(), edges()]);
  row(dashboard, 'Waiting', [waits(), slowest(), outstanding(), distribution()]);
  row(dashboard, 'Failures', [unanswered(), failures(), retransmits(), connections()]);
  return dashboard.build();
}

const CALLS = `sum by (${BY}, peer) (${rate('kernscale_tcp_wait_seconds_count', SELECTED)})`;
const WAITS = `sum by (${BY}, peer) (${rate('kernscale_tcp_wait_seconds_sum', SELECTED)})`;
const ofEdges = (vector: string) =>
  `sum by (${BY}, peer_namespace, peer_workload) (${namePeers(vector, BY)})`;

/** Grafana draws the nodes from the edges; edges are told by their fields `id`, `source` and `target`. */
function graph() {
  const edge = (vector: string) => {
    const source = `label_join(${ofEdges(vector)}, "source", "/", "namespace", "workload")`;
    const target = `label_join(${source}, "target", "/", "peer_namespace", "peer_workload")`;
    return `label_join(${target}, "id", " to ", "source", "target")`;
  };
  const text = {
    title: 'Call graph',
    description:
      'An arrow goes from each workload to those that it calls, with requests answered per second and the mean wait. Peers outside this cluster have the namespace outside, and their address as name.',
    unit: 'short',
  };
  return framed(new NodeGraphBuilder(), text)
    .span(24)
    .height(14)
    .edges(new EdgeOptionsBuilder().mainStatUnit('reqps').secondaryStatUnit('s'))
    .withTarget(now(edge(CALLS)).refId('calls'))
    .withTarget(now(`${edge(WAITS)} / ${edge(CALLS)}`).refId('wait'))
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({
      id: 'organize',
      options: {
        excludeByName: { Time: true },
        renameByName: { 'Value #calls': 'mainstat', 'Value #wait': 'secondarystat' },
      },
    });
}

function edges() {
  return table(
    {
      title: 'Calls',
      description: 'Each workload with those that it calls. Its name links to the dashboard of the workload.',
      unit: 'short',
    },
    [
      { title: 'Answered', unit: 'reqps', expr: ofEdges(CALLS) },
      { title: 'Waiting', expr: ofEdges(WAITS) },
      { title: 'Mean wait', unit: 's', expr: `${ofEdges(WAITS)} / ${ofEdges(CALLS)}` },
    ],
  );
}

function waits() {
  return lines(
    {
      title: 'Waiting for peers',
      description:
        'Requests of a workload to each peer that wait for their response, on average, with the workload behind the address.',
      unit: 'short',
    },
    [
      {
        expr: namePeers(WAITS, BY),
        legend: '{{namespace}}/{{workload}} on {{peer_namespace}}/{{peer_workload}} ({{peer}})',
      },
    ],
  );
}

function slowest() {
  return lines(
    {
      title: 'Wait for a response, 99th percentile',
      description:
        'From the last byte of a request to the first byte of its response, measured at the client.',
      unit: 's',
    },
    [{ expr: quantile(0.99, 'kernscale_tcp_wait_seconds', SELECTED, `${BY}, peer`), legend: PEER }],
  );
}

function distribution() {
  return heatmap(
    {
      title: 'Distribution of waits in $namespace',
      description:
        'Responses per second, by the time that the selected workloads of a namespace waited for them.',
      unit: 's',
    },
    'kernscale_tcp_wait_seconds',
    SELECTED,
    'namespace',
  )
    .span(24)
    .repeat('namespace');
}

function outstanding() {
  return lines(
    {
      title: 'Requests in flight',
      description:
        'Requests to each peer that wait for the first byte of their response at the time of the scrape.',
      unit: 'short',
    },
    [{ expr: `sum by (${BY}, peer) (kernscale_tcp_sent_outstanding{${SELECTED}})`, legend: PEER }],
  ).span(24);
}

function perPeer(metric: string, legend = PEER): Query {
  return { expr: `sum by (${BY}, peer) (${rate(metric, SELECTED)})`, legend };
}

function unanswered() {
  return lines(
    {
      title: 'Requests without a response',
      description:
        'Requests per second that the workload itself gives up, and that the peer leaves unanswered.',
      unit: 'reqps',
    },
    [
      perPeer('kernscale_tcp_sent_abandoned_total', `${PEER}, given up`),
      perPeer('kernscale_tcp_sent_dropped_total', `${PEER}, unanswered`),
    ],
  );
}

function failures() {
  return lines(
    {
      title: 'Failed connections',
      description: 'Connections to each peer per second that failed.',
      unit: 'cps',
    },
    [perPeer('kernscale_tcp_failures_total')],
  );
}

function retransmits() {
  return lines(
    {
      title: 'Retransmitted segments',
      description:
        'TCP segments per second that are sent again: the network loses them, or the peer does not read.',
      unit: 'pps',
    },
    [perPeer('kernscale_tcp_retransmits_total')],
  );
}

function connections() {
  return lines(
    {
      title: 'New connections',
      description: 'Connections to each peer per second. Many of them cost both sides time.',
      unit: 'cps',
    },
    [perPeer('kernscale_tcp_connections_total')],
  );
}

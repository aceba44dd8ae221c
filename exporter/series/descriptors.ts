import { REASONS, STATES, type ContainerScalar, type PeerScalar } from 'bpf-linker-napi';
import type { Labels } from '../exposition/labels.js';
import type { Descriptor } from './descriptor.js';

const NANOSECONDS = 1e9;

/** Metrics of each container, in the order of the exposition. */
export const DESCRIPTORS: readonly Descriptor[] = [
  {
    name: 'kernscale_container_info',
    help: 'Image and id of a measured container; always 1.',
    type: 'gauge',
    of: 'identity',
    labels: { image: 'image', container_id: 'containerId' },
    value: () => 1,
  },
  {
    name: 'kernscale_container_cpu_request_cores',
    help: 'CPU request from the pod spec, in cores; with an empty container label, the request of the pod beyond its containers.',
    type: 'gauge',
    of: 'identity',
    value: ({ cpuRequest }) => cpuRequest,
    ofRestOfPod: true,
  },
  {
    name: 'kernscale_container_cpu_limit_cores',
    help: 'CPU limit from the pod spec, in cores.',
    type: 'gauge',
    of: 'identity',
    value: ({ cpuLimit }) => cpuLimit,
    ofRestOfPod: true,
  },
  {
    name: 'kernscale_state_seconds_total',
    help: 'Thread-seconds in each thread state, in-flight intervals included; a thread is in exactly one state.',
    type: 'counter',
    program: 'sched_switch',
    of: 'states',
    series: labelled('state', STATES),
    ofRestOfPod: true,
  },
  {
    name: 'kernscale_oncpu_seconds',
    help: 'Duration of one run on a CPU; the sum is the CPU time used.',
    type: 'histogram',
    program: 'sched_switch',
    of: 'container',
    series: { oncpu: {} },
    unit: 'seconds',
    coarse: [],
  },
  {
    name: 'kernscale_runqueue_seconds',
    help: 'Duration of one wait for a CPU.',
    type: 'histogram',
    program: 'sched_switch',
    of: 'container',
    series: { runqueue: {} },
    unit: 'seconds',
    coarse: [-10, -6], // 1 ms and 16 ms
  },
  {
    name: 'kernscale_offcpu_seconds',
    help: 'Duration of one blocked interval, by blocked reason.',
    type: 'histogram',
    program: 'sched_switch',
    of: 'container',
    series: labelled('reason', REASONS),
    kept: ['disk', 'network', 'lock'], // decisions rest on these; the time in the others is in state_seconds
    unit: 'seconds',
    coarse: [],
  },
  {
    name: 'kernscale_cpu_samples_total',
    help: 'Instruction-pointer samples taken while the container ran, by mode.',
    type: 'counter',
    program: 'sample',
    of: 'container',
    series: { samples_user: { mode: 'user' }, samples_kernel: { mode: 'kernel' } },
    ofRestOfPod: true,
  },
  {
    name: 'kernscale_blockio_seconds',
    help: 'Latency of one block request at the device.',
    type: 'histogram',
    program: 'block_rq_complete',
    of: 'blockIo',
    counter: 'seconds',
    unit: 'seconds',
    coarse: [-10, -6], // 1 ms and 16 ms
  },
  {
    name: 'kernscale_blockio_bytes',
    help: 'Size of one block request.',
    type: 'histogram',
    program: 'block_rq_complete',
    of: 'blockIo',
    counter: 'bytes',
    unit: 'bytes',
    coarse: [],
  },
  {
    name: 'kernscale_blockio_failures_total',
    help: 'Block requests that failed; the histograms do not include them.',
    type: 'counter',
    program: 'block_rq_complete',
    of: 'blockIo',
    counter: 'failures',
  },
  {
    name: 'kernscale_tcp_serve_seconds',
    help: 'Server side: time from a request to the first byte of its response; the count is requests served.',
    type: 'histogram',
    program: 'tcp_rcv_space_adjust',
    of: 'container',
    series: { tcp_serve: {} },
    unit: 'seconds',
    coarse: [-10, -8, -6, -4, -2, 0, 2, 4], // 1 ms to 16 s: objectives are about the time to serve
  },
  {
    name: 'kernscale_tcp_serve_overlapped_total',
    help: 'Requests in kernscale_tcp_serve_seconds that overlapped with others on their connection.',
    type: 'counter',
    program: 'tcp_rcv_space_adjust',
    of: 'container',
    series: { tcp_serve_overlapped: {} },
    onlyWith: 'tcp_serve',
  },
  {
    name: 'kernscale_tcp_requests_total',
    help: 'Server side: requests whose first byte has reached the socket, read or not. Less the served (kernscale_tcp_serve_seconds_count), abandoned and dropped ones they are the outstanding ones, at every scrape.',
    type: 'counter',
    ...server('tcp_requests'),
  },
  {
    name: 'kernscale_tcp_requests_abandoned_total',
    help: 'Server side: requests that had no response when their client closed or reset the connection.',
    type: 'counter',
    ...server('tcp_abandoned'),
  },
  {
    name: 'kernscale_tcp_requests_dropped_total',
    help: 'Server side: requests on connections that the server ended without a response.',
    type: 'counter',
    ...server('tcp_dropped'),
  },
  {
    name: 'kernscale_tcp_answers_in_vain_total',
    help: 'Server side: responses, counted as served, to clients that had already gone.',
    type: 'counter',
    ...server('tcp_in_vain'),
  },
  {
    name: 'kernscale_tcp_retries_total',
    help: 'Server side: connections on which a client address returned within 10 s of abandoning a request. Clients behind one address are not told apart.',
    type: 'counter',
    ...server('tcp_retries'),
  },
  {
    name: 'kernscale_tcp_requests_outstanding',
    help: 'Server side: requests that wait for the first byte of their response now.',
    type: 'gauge',
    ...server('tcp_outstanding'),
  },
  {
    name: 'kernscale_tcp_outstanding_seconds_total',
    help: 'Server side: integral of the outstanding requests over time, in request-seconds.',
    type: 'counter',
    divisor: NANOSECONDS,
    ...server('tcp_outstanding_ns'),
  },
  {
    name: 'kernscale_tcp_accept_overflows_total',
    help: 'Server side: attempts to connect that listening sockets refused, nearly always for a full accept queue; each retry of a client counts.',
    type: 'counter',
    ...server('tcp_accept_overflows'),
  },
  {
    name: 'kernscale_tcp_think_seconds',
    help: 'Server side: pause of at least 100 ms from a response to the next request on its connection.',
    type: 'histogram',
    program: 'tcp_rcv_space_adjust',
    of: 'container',
    series: { tcp_think: {} },
    unit: 'seconds',
    coarse: [],
  },
  {
    name: 'kernscale_tcp_wait_seconds',
    help: 'Client side: time from the last byte of a request to the first byte of its response, by peer.',
    type: 'histogram',
    program: 'tcp_rcv_space_adjust',
    of: 'peers',
    counter: 'wait',
    unit: 'seconds',
    coarse: [],
  },
  {
    name: 'kernscale_tcp_wait_overlapped_total',
    help: 'Waits in kernscale_tcp_wait_seconds that overlapped with others on their connection.',
    type: 'counter',
    program: 'tcp_rcv_space_adjust',
    of: 'peers',
    counter: 'overlapped',
    kept: [],
    onlyWith: 'wait',
  },
  {
    name: 'kernscale_tcp_long_waits_seconds',
    help: 'Client side: waits that took over 16 times as long as usual for the peer and over 250 ms: long polls, or a peer that hangs. kernscale_tcp_wait_seconds includes them.',
    type: 'histogram',
    program: 'tcp_rcv_space_adjust',
    of: 'peers',
    counter: 'long_wait',
    unit: 'seconds',
    coarse: [],
  },
  {
    name: 'kernscale_tcp_sent_total',
    help: 'Client side: requests sent to the peer. Less the answered (kernscale_tcp_wait_seconds_count), abandoned and dropped ones they are the outstanding ones, at every scrape.',
    type: 'counter',
    ...client('sent'),
  },
  {
    name: 'kernscale_tcp_sent_abandoned_total',
    help: 'Client side: requests that had no response when the container itself closed the connection.',
    type: 'counter',
    ...client('sent_abandoned'),
  },
  {
    name: 'kernscale_tcp_sent_dropped_total',
    help: 'Client side: requests on connections that the peer ended without a response.',
    type: 'counter',
    ...client('sent_dropped'),
  },
  {
    name: 'kernscale_tcp_sent_outstanding',
    help: 'Client side: requests that wait for the first byte of their response now.',
    type: 'gauge',
    ...client('sent_outstanding'),
  },
  {
    name: 'kernscale_tcp_sent_outstanding_seconds_total',
    help: 'Client side: integral of the outstanding requests over time, in request-seconds.',
    type: 'counter',
    divisor: NANOSECONDS,
    ...client('sent_outstanding_ns'),
  },
  {
    name: 'kernscale_tcp_connections_total',
    help: 'TCP connections opened to the peer.',
    type: 'counter',
    program: 'inet_sock_set_state',
    of: 'peers',
    counter: 'connections',
  },
  {
    name: 'kernscale_tcp_failures_total',
    help: 'TCP connections to the peer that failed.',
    type: 'counter',
    program: 'inet_sock_set_state',
    of: 'peers',
    counter: 'failures',
  },
  {
    name: 'kernscale_tcp_retransmits_total',
    help: 'TCP segments retransmitted to the peer.',
    type: 'counter',
    program: 'tcp_retransmit',
    of: 'peers',
    counter: 'retransmits',
  },
];

/** A counter of the requests that a container receives. */
function server(counter: ContainerScalar) {
  return {
    program: 'tcp_rcv_space_adjust',
    of: 'container',
    series: { [counter]: {} },
    onlyWith: 'tcp_requests',
  } as const;
}

/** A counter of the requests that a container sends to a peer. */
function client(counter: PeerScalar) {
  return { program: 'tcp_rcv_space_adjust', of: 'peers', counter, onlyWith: 'sent' } as const;
}

/** Gives each name a series that the name labels. */
function labelled<Name extends string>(label: string, names: readonly Name[]): Record<Name, Labels> {
  const series = {} as Record<Name, Labels>;
  for (const name of names) series[name] = { [label]: name };
  return series;
}

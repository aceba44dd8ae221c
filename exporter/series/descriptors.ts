import { REASONS, STATES } from 'bpf-linker-napi';
import type { Labels } from '../exposition/labels.js';
import type { Descriptor } from './descriptor.js';

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
    rare: ['reclaim'],
    ofRestOfPod: true,
  },
  {
    name: 'kernscale_oncpu_seconds',
    help: 'Duration of one run on a CPU; the sum is the CPU time used, with interrupts and what a hypervisor stole (node_cpu_seconds_total{mode="steal"}).',
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

/** Gives each name a series that the name labels. */
function labelled<Name extends string>(label: string, names: readonly Name[]): Record<Name, Labels> {
  const series = {} as Record<Name, Labels>;
  for (const name of names) series[name] = { [label]: name };
  return series;
}

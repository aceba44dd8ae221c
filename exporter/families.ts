import { REASONS, STATES, type ContainerCounters, type Histogram, type PeerCounters } from 'bpf-linker-napi';
import { isEmpty, type Family } from './exposition.js';
import { LabelSet, NO_LABELS, remembered } from './labels.js';
import type { ContainerIdentity } from './pods.js';

/** One container's share of a scrape. */
export interface ContainerSeries {
  readonly identity: ContainerIdentity;
  readonly counters: ContainerCounters;
  /** False once it has ended: it has counters, and no gauges. */
  readonly live: boolean;
}

interface PerContainer extends Family {
  /** Left out without `--histograms.detail`. */
  readonly detailOnly?: true;
}

export interface ValueFamily extends PerContainer {
  readonly type: 'counter' | 'gauge';
  /** The BPF program that measures it; unmeasured is not zero, so without it the family is left out. */
  readonly program?: string;
  readonly values: (series: ContainerSeries) => readonly (readonly [extra: LabelSet, value: number])[];
}

export interface HistogramFamily extends PerContainer {
  readonly type: 'histogram';
  readonly program: string;
  readonly unit: 'seconds' | 'bytes';
  /** Bounds of the classic histogram without `--histograms.detail`, as exponents of two. */
  readonly coarse: readonly number[];
  readonly histograms: (
    series: ContainerSeries,
  ) => readonly (readonly [extra: LabelSet, histogram: Histogram])[];
}

export type ContainerFamily = ValueFamily | HistogramFamily;

const STATE_LABELS = STATES.map((state) => [new LabelSet({ state }), state] as const);
const REASON_LABELS = REASONS.map((reason) => [new LabelSet({ reason }), reason] as const);
const USER = new LabelSet({ mode: 'user' });
const KERNEL = new LabelSet({ mode: 'kernel' });
const peerLabels = remembered((peer) => new LabelSet({ peer: peer }));
const blockIoLabels = remembered((op, device) => new LabelSet({ op: op, device: device }));
const infoLabels = remembered((image, id) => new LabelSet({ image: image, container_id: id }));

/**
 * Bounds of the classic histograms without `--histograms.detail`, as exponents of two of a second or a byte. The time
 * to serve is what objectives are about, from 1 ms to 16 s; waits for a CPU and for a disk get 1 ms and 16 ms; of the
 * others there are count and sum. Native histograms have every bound all the same.
 */
export const COARSE = {
  oncpu: [],
  runqueue: [-10, -6],
  offcpu: [],
  blockioSeconds: [-10, -6],
  blockioBytes: [],
  serve: [-10, -8, -6, -4, -2, 0, 2, 4],
  wait: [],
} as const satisfies Record<string, readonly number[]>;

/** Everything that is exposed for each container, in the order of the exposition. */
export const CONTAINER_FAMILIES: readonly ContainerFamily[] = [
  {
    name: 'kernscale_container_info',
    help: 'A container that is measured; always 1.',
    type: 'gauge',
    values: ({ identity: { image, containerId, isRestOfPod } }) =>
      isRestOfPod ? [] : [[infoLabels(image, containerId), 1]],
  },
  {
    name: 'kernscale_container_cpu_request_cores',
    help: 'CPU request of the container as its pod states it, in cores; with an empty container, what the pod requests beyond its containers.',
    type: 'gauge',
    values: ({ identity }) => optional(identity.cpuRequest),
  },
  {
    name: 'kernscale_container_cpu_limit_cores',
    help: 'CPU limit of the container as its pod states it, in cores.',
    type: 'gauge',
    values: ({ identity }) => optional(identity.cpuLimit),
  },
  {
    name: 'kernscale_state_seconds_total',
    help: 'Thread-seconds in each state, unfinished intervals included; every thread is in exactly one.',
    type: 'counter',
    program: 'sched_switch',
    values: ({ counters }) => STATE_LABELS.map(([label, state]) => [label, counters.stateSeconds[state]]),
  },
  {
    name: 'kernscale_oncpu_seconds',
    help: 'Length of one run on a CPU; the sum is the CPU time used.',
    type: 'histogram',
    program: 'sched_switch',
    unit: 'seconds',
    coarse: COARSE.oncpu,
    histograms: ({ counters }) => nonEmpty(NO_LABELS, counters.oncpu),
  },
  {
    name: 'kernscale_runqueue_seconds',
    help: 'Length of one wait for a CPU.',
    type: 'histogram',
    program: 'sched_switch',
    unit: 'seconds',
    coarse: COARSE.runqueue,
    histograms: ({ counters }) => nonEmpty(NO_LABELS, counters.runqueue),
  },
  {
    name: 'kernscale_offcpu_seconds',
    help: 'Length of one blocked interval, by what the thread was blocked on.',
    type: 'histogram',
    program: 'sched_switch',
    unit: 'seconds',
    coarse: COARSE.offcpu,
    histograms: ({ counters }) =>
      REASON_LABELS.flatMap(([label, reason]) => nonEmpty(label, counters.offcpu[reason])),
  },
  {
    name: 'kernscale_cpu_samples_total',
    help: 'Instruction-pointer samples taken while the container ran, by mode.',
    type: 'counter',
    program: 'sample',
    values: ({ counters: { samples } }) => [
      [USER, samples.user],
      [KERNEL, samples.kernel],
    ],
  },
  blockIo(
    'kernscale_blockio_seconds',
    'Latency of one block request at the device.',
    'seconds',
    COARSE.blockioSeconds,
  ),
  blockIo('kernscale_blockio_bytes', 'Size of one block request.', 'bytes', COARSE.blockioBytes),
  {
    name: 'kernscale_blockio_failures_total',
    help: 'Block requests that ended in an error; they are in no histogram.',
    type: 'counter',
    program: 'block_rq_complete',
    values: ({ counters }) => counters.blockIo.map((io) => [blockIoLabels(io.op, io.device), io.failures]),
  },
  {
    name: 'kernscale_tcp_serve_seconds',
    help: 'Server side: request received to first byte of the answer; the count is requests served.',
    type: 'histogram',
    program: 'tcp_rcv_space_adjust',
    unit: 'seconds',
    coarse: COARSE.serve,
    histograms: ({ counters }) => nonEmpty(NO_LABELS, counters.tcpServe),
  },
  {
    name: 'kernscale_tcp_serve_overlapped_total',
    help: 'Of the requests in kernscale_tcp_serve_seconds, those with others in flight on their connection.',
    type: 'counter',
    program: 'tcp_rcv_space_adjust',
    values: ({ counters }) =>
      nonEmpty(NO_LABELS, counters.tcpServe).map(([extra]) => [extra, counters.tcpServeOverlapped]),
  },
  {
    name: 'kernscale_tcp_wait_seconds',
    help: 'Client side: last byte of a request sent to first byte of the answer, by peer.',
    type: 'histogram',
    program: 'tcp_rcv_space_adjust',
    unit: 'seconds',
    coarse: COARSE.wait,
    histograms: ({ counters }) =>
      counters.peers.flatMap(({ peer, wait }) => nonEmpty(peerLabels(peer), wait)),
  },
  {
    name: 'kernscale_tcp_wait_overlapped_total',
    help: 'Of the waits in kernscale_tcp_wait_seconds, those with others in flight on their connection.',
    type: 'counter',
    program: 'tcp_rcv_space_adjust',
    detailOnly: true,
    values: ({ counters }) =>
      counters.peers.flatMap(({ peer, wait, overlapped }) =>
        nonEmpty(peerLabels(peer), wait).map(([extra]) => [extra, overlapped] as const),
      ),
  },
  perPeer(
    'kernscale_tcp_connections_total',
    'Connections opened to the peer.',
    'inet_sock_set_state',
    (peer) => peer.connections,
  ),
  perPeer(
    'kernscale_tcp_failures_total',
    'Connections to the peer that failed.',
    'inet_sock_set_state',
    (peer) => peer.failures,
  ),
  perPeer(
    'kernscale_tcp_retransmits_total',
    'Segments sent again to the peer.',
    'tcp_retransmit',
    (peer) => peer.retransmits,
  ),
];

function blockIo(
  name: string,
  help: string,
  unit: 'seconds' | 'bytes',
  coarse: readonly number[],
): HistogramFamily {
  return {
    name,
    help,
    type: 'histogram',
    program: 'block_rq_complete',
    unit,
    coarse,
    histograms: ({ counters }) =>
      counters.blockIo.flatMap((io) => nonEmpty(blockIoLabels(io.op, io.device), io[unit])),
  };
}

function perPeer(
  name: string,
  help: string,
  program: string,
  value: (peer: PeerCounters) => number,
): ValueFamily {
  return {
    name,
    help,
    type: 'counter',
    program,
    values: ({ counters }) => counters.peers.map((peer) => [peerLabels(peer.peer), value(peer)]),
  };
}

/** A histogram appears with its first observation, so an idle container costs few lines; it never disappears. */
function nonEmpty(extra: LabelSet, histogram: Histogram): [LabelSet, Histogram][] {
  return isEmpty(histogram) ? [] : [[extra, histogram]];
}

function optional(value: number | undefined): [LabelSet, number][] {
  return value === undefined ? [] : [[NO_LABELS, value]];
}

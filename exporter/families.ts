import {
  REASONS,
  STATES,
  type BlockIoCounters,
  type ContainerCounters,
  type Histogram,
  type PeerCounters,
  type ProbeName,
} from 'bpf-linker-napi';
import { isEmpty, type Family } from './exposition.js';
import { LabelSet, NO_LABELS } from './labels.js';
import type { ContainerIdentity } from './pods.js';

/** One container's share of a scrape. */
export interface ContainerSeries {
  readonly identity: ContainerIdentity;
  readonly counters: ContainerCounters;
  /** False once it has ended: its counters are served once more, its gauges no longer. */
  readonly live: boolean;
}

export interface ValueFamily extends Family {
  readonly type: 'counter' | 'gauge';
  /** The probe that measures it; unmeasured is not zero, so without it the family is left out. */
  readonly probe?: ProbeName;
  readonly values: (series: ContainerSeries) => readonly (readonly [extra: LabelSet, value: number])[];
}

export interface HistogramFamily extends Family {
  readonly type: 'histogram';
  readonly probe: ProbeName;
  readonly unit: 'seconds' | 'bytes';
  readonly histograms: (
    series: ContainerSeries,
  ) => readonly (readonly [extra: LabelSet, histogram: Histogram])[];
}

export type ContainerFamily = ValueFamily | HistogramFamily;

const STATE_LABELS = STATES.map((state) => [new LabelSet({ state }), state] as const);
const REASON_LABELS = REASONS.map((reason) => [new LabelSet({ reason }), reason] as const);
const USER = new LabelSet({ mode: 'user' });
const KERNEL = new LabelSet({ mode: 'kernel' });

/** Everything that is exposed for each container, in the order of the exposition. */
export const CONTAINER_FAMILIES: readonly ContainerFamily[] = [
  {
    name: 'kernscale_container_info',
    help: 'A container that is measured; always 1.',
    type: 'gauge',
    values: ({ identity: { image, containerId } }) => [
      [new LabelSet({ image, container_id: containerId }), 1],
    ],
  },
  {
    name: 'kernscale_container_cpu_request_cores',
    help: 'CPU request of the container as its pod states it, in cores.',
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
    probe: 'scheduler',
    values: ({ counters }) => STATE_LABELS.map(([label, state]) => [label, counters.stateSeconds[state]]),
  },
  {
    name: 'kernscale_oncpu_seconds',
    help: 'Length of one run on a CPU; the sum is the CPU time used.',
    type: 'histogram',
    probe: 'scheduler',
    unit: 'seconds',
    histograms: ({ counters }) => nonEmpty(NO_LABELS, counters.oncpu),
  },
  {
    name: 'kernscale_runqueue_seconds',
    help: 'Length of one wait for a CPU.',
    type: 'histogram',
    probe: 'scheduler',
    unit: 'seconds',
    histograms: ({ counters }) => nonEmpty(NO_LABELS, counters.runqueue),
  },
  {
    name: 'kernscale_offcpu_seconds',
    help: 'Length of one blocked interval, by what the thread was blocked on.',
    type: 'histogram',
    probe: 'scheduler',
    unit: 'seconds',
    histograms: ({ counters }) =>
      REASON_LABELS.flatMap(([label, reason]) => nonEmpty(label, counters.offcpu[reason])),
  },
  {
    name: 'kernscale_cpu_samples_total',
    help: 'Instruction-pointer samples taken while the container ran, by mode.',
    type: 'counter',
    probe: 'sampling',
    values: ({ counters: { samples } }) => [
      [USER, samples.user],
      [KERNEL, samples.kernel],
    ],
  },
  blockIo('kernscale_blockio_seconds', 'Latency of one block request at the device.', 'seconds'),
  blockIo('kernscale_blockio_bytes', 'Size of one block request.', 'bytes'),
  {
    name: 'kernscale_blockio_failures_total',
    help: 'Block requests that ended in an error; they are in no histogram.',
    type: 'counter',
    probe: 'blockio',
    values: ({ counters }) => counters.blockIo.map((io) => [blockIoLabels(io), io.failures]),
  },
  {
    name: 'kernscale_tcp_serve_seconds',
    help: 'Server side: request received to first byte of the answer; the count is requests served.',
    type: 'histogram',
    probe: 'tcp',
    unit: 'seconds',
    histograms: ({ counters }) => nonEmpty(NO_LABELS, counters.tcpServe),
  },
  {
    name: 'kernscale_tcp_serve_overlapped_total',
    help: 'Of the requests in kernscale_tcp_serve_seconds, those with others in flight on their connection.',
    type: 'counter',
    probe: 'tcp',
    values: ({ counters }) =>
      nonEmpty(NO_LABELS, counters.tcpServe).map(([extra]) => [extra, counters.tcpServeOverlapped]),
  },
  {
    name: 'kernscale_tcp_wait_seconds',
    help: 'Client side: last byte of a request sent to first byte of the answer, by peer.',
    type: 'histogram',
    probe: 'tcp',
    unit: 'seconds',
    histograms: ({ counters }) =>
      counters.peers.flatMap(({ peer, wait }) => nonEmpty(new LabelSet({ peer }), wait)),
  },
  {
    name: 'kernscale_tcp_wait_overlapped_total',
    help: 'Of the waits in kernscale_tcp_wait_seconds, those with others in flight on their connection.',
    type: 'counter',
    probe: 'tcp',
    values: ({ counters }) =>
      counters.peers.flatMap(({ peer, wait, overlapped }) =>
        nonEmpty(new LabelSet({ peer }), wait).map(([extra]) => [extra, overlapped] as const),
      ),
  },
  perPeer('kernscale_tcp_connections_total', 'Connections opened to the peer.', (peer) => peer.connections),
  perPeer('kernscale_tcp_failures_total', 'Connections to the peer that failed.', (peer) => peer.failures),
  perPeer('kernscale_tcp_retransmits_total', 'Segments sent again to the peer.', (peer) => peer.retransmits),
];

function blockIo(name: string, help: string, unit: 'seconds' | 'bytes'): HistogramFamily {
  return {
    name,
    help,
    type: 'histogram',
    probe: 'blockio',
    unit,
    histograms: ({ counters }) => counters.blockIo.flatMap((io) => nonEmpty(blockIoLabels(io), io[unit])),
  };
}

function blockIoLabels({ op, device }: BlockIoCounters): LabelSet {
  return new LabelSet({ op, device });
}

function perPeer(name: string, help: string, value: (peer: PeerCounters) => number): ValueFamily {
  return {
    name,
    help,
    type: 'counter',
    probe: 'tcp',
    values: ({ counters }) => counters.peers.map((peer) => [new LabelSet({ peer: peer.peer }), value(peer)]),
  };
}

/** A histogram appears with its first observation, so an idle container costs few lines; it never disappears. */
function nonEmpty(extra: LabelSet, histogram: Histogram): [LabelSet, Histogram][] {
  return isEmpty(histogram) ? [] : [[extra, histogram]];
}

function optional(value: number | undefined): [LabelSet, number][] {
  return value === undefined ? [] : [[NO_LABELS, value]];
}

import {
  BLOCK_OPS,
  REASONS,
  STATES,
  type BlockOp,
  type ContainerCounters,
  type Histogram,
  type PeerCounters,
} from 'bpf-linker-napi';
import { oncePer } from '../../common/once.js';
import type { Family, Samples } from '../exposition/format.js';
import { isEmpty } from '../exposition/histogram.js';
import { LabelSet, NO_LABELS, remembered } from '../exposition/labels.js';
import type { ContainerIdentity } from '../identity/source.js';

/** One container's share of a scrape. */
export interface ContainerSeries {
  readonly identity: ContainerIdentity;
  readonly counters: ContainerCounters;
  /** False once the container has ended: it has counters, and no gauges. */
  readonly live: boolean;
}

interface PerContainer extends Family {
  /** BPF program that measures the family. Without it the family is left out, because unmeasured is not zero. */
  readonly program?: string;
  /** Left out without `--histograms.detail`. */
  readonly detailOnly?: true;
  /** Writes the samples of one container. */
  readonly collect: (series: ContainerSeries, samples: Samples) => void;
}

interface ValueFamily extends PerContainer {
  readonly type: 'counter' | 'gauge';
}

interface HistogramFamily extends PerContainer {
  readonly type: 'histogram';
  readonly unit: 'seconds' | 'bytes';
  /** Bounds of the classic histogram without `--histograms.detail`, as exponents of two. */
  readonly coarse: readonly number[];
}

export type ContainerFamily = ValueFamily | HistogramFamily;

const STATE_LABELS = STATES.map((state) => ({ state, labels: new LabelSet({ state }) }));
const REASON_LABELS = REASONS.map((reason) => ({ reason, labels: new LabelSet({ reason }) }));
const USER = new LabelSet({ mode: 'user' });
const KERNEL = new LabelSet({ mode: 'kernel' });
const peerLabels = remembered((peer) => new LabelSet({ peer }));
/** By operation. */
const deviceLabels = Object.fromEntries(
  BLOCK_OPS.map((op) => [op, remembered((device) => new LabelSet({ op, device }))]),
) as Record<BlockOp, (device: string) => LabelSet>;
const infoLabels = oncePer(
  ({ image, containerId }: ContainerIdentity) => new LabelSet({ image, container_id: containerId }),
);

/**
 * Bounds of the classic histograms without `--histograms.detail`, as exponents of two of a second or a byte. Objectives
 * are about the time to serve: it has bounds from 1 ms to 16 s. Waits for a CPU and for a disk have 1 ms and 16 ms, the
 * others only count and sum. Native histograms always have every bound.
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

/** Families of each container, in the order of the exposition. */
export const CONTAINER_FAMILIES: readonly ContainerFamily[] = [
  {
    name: 'kernscale_container_info',
    help: 'Image and id of a measured container; always 1.',
    type: 'gauge',
    collect: ({ identity }, samples) => {
      if (!identity.isRestOfPod) samples.value(infoLabels(identity), 1);
    },
  },
  {
    name: 'kernscale_container_cpu_request_cores',
    help: 'CPU request from the pod spec, in cores; with an empty container label, the request of the pod beyond its containers.',
    type: 'gauge',
    collect: ({ identity: { cpuRequest } }, samples) => {
      if (cpuRequest !== undefined) samples.value(NO_LABELS, cpuRequest);
    },
  },
  {
    name: 'kernscale_container_cpu_limit_cores',
    help: 'CPU limit from the pod spec, in cores.',
    type: 'gauge',
    collect: ({ identity: { cpuLimit } }, samples) => {
      if (cpuLimit !== undefined) samples.value(NO_LABELS, cpuLimit);
    },
  },
  {
    name: 'kernscale_state_seconds_total',
    help: 'Thread-seconds in each thread state, in-flight intervals included; a thread is in exactly one state.',
    type: 'counter',
    program: 'sched_switch',
    collect: ({ counters: { stateSeconds } }, samples) => {
      for (const { labels, state } of STATE_LABELS) samples.value(labels, stateSeconds[state]);
    },
  },
  {
    name: 'kernscale_oncpu_seconds',
    help: 'Duration of one run on a CPU; the sum is the CPU time used.',
    type: 'histogram',
    program: 'sched_switch',
    unit: 'seconds',
    coarse: COARSE.oncpu,
    collect: ({ counters: { oncpu } }, samples) => {
      observed(samples, NO_LABELS, oncpu);
    },
  },
  {
    name: 'kernscale_runqueue_seconds',
    help: 'Duration of one wait for a CPU.',
    type: 'histogram',
    program: 'sched_switch',
    unit: 'seconds',
    coarse: COARSE.runqueue,
    collect: ({ counters: { runqueue } }, samples) => {
      observed(samples, NO_LABELS, runqueue);
    },
  },
  {
    name: 'kernscale_offcpu_seconds',
    help: 'Duration of one blocked interval, by blocked reason.',
    type: 'histogram',
    program: 'sched_switch',
    unit: 'seconds',
    coarse: COARSE.offcpu,
    collect: ({ counters: { offcpu } }, samples) => {
      for (const { labels, reason } of REASON_LABELS) observed(samples, labels, offcpu[reason]);
    },
  },
  {
    name: 'kernscale_cpu_samples_total',
    help: 'Instruction-pointer samples taken while the container ran, by mode.',
    type: 'counter',
    program: 'sample',
    collect: ({ counters }, samples) => {
      samples.value(USER, counters.samples.user);
      samples.value(KERNEL, counters.samples.kernel);
    },
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
    help: 'Block requests that failed; the histograms do not include them.',
    type: 'counter',
    program: 'block_rq_complete',
    collect: ({ counters: { blockIo } }, samples) => {
      for (const { op, device, failures } of blockIo) samples.value(deviceLabels[op](device), failures);
    },
  },
  {
    name: 'kernscale_tcp_serve_seconds',
    help: 'Server side: time from a request to the first byte of its response; the count is requests served.',
    type: 'histogram',
    program: 'tcp_rcv_space_adjust',
    unit: 'seconds',
    coarse: COARSE.serve,
    collect: ({ counters: { tcpServe } }, samples) => {
      observed(samples, NO_LABELS, tcpServe);
    },
  },
  {
    name: 'kernscale_tcp_serve_overlapped_total',
    help: 'Requests in kernscale_tcp_serve_seconds that overlapped with others on their connection.',
    type: 'counter',
    program: 'tcp_rcv_space_adjust',
    collect: ({ counters: { tcpServe, tcpServeOverlapped } }, samples) => {
      if (!isEmpty(tcpServe)) samples.value(NO_LABELS, tcpServeOverlapped);
    },
  },
  {
    name: 'kernscale_tcp_wait_seconds',
    help: 'Client side: time from the last byte of a request to the first byte of its response, by peer.',
    type: 'histogram',
    program: 'tcp_rcv_space_adjust',
    unit: 'seconds',
    coarse: COARSE.wait,
    collect: ({ counters: { peers } }, samples) => {
      for (const { peer, wait } of peers) observed(samples, peerLabels(peer), wait);
    },
  },
  {
    name: 'kernscale_tcp_wait_overlapped_total',
    help: 'Waits in kernscale_tcp_wait_seconds that overlapped with others on their connection.',
    type: 'counter',
    program: 'tcp_rcv_space_adjust',
    detailOnly: true,
    collect: ({ counters: { peers } }, samples) => {
      for (const { peer, wait, overlapped } of peers) {
        if (!isEmpty(wait)) samples.value(peerLabels(peer), overlapped);
      }
    },
  },
  perPeer(
    'kernscale_tcp_connections_total',
    'TCP connections opened to the peer.',
    'inet_sock_set_state',
    (peer) => peer.connections,
  ),
  perPeer(
    'kernscale_tcp_failures_total',
    'TCP connections to the peer that failed.',
    'inet_sock_set_state',
    (peer) => peer.failures,
  ),
  perPeer(
    'kernscale_tcp_retransmits_total',
    'TCP segments retransmitted to the peer.',
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
    collect: ({ counters }, samples) => {
      for (const io of counters.blockIo) observed(samples, deviceLabels[io.op](io.device), io[unit]);
    },
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
    collect: ({ counters }, samples) => {
      for (const peer of counters.peers) samples.value(peerLabels(peer.peer), value(peer));
    },
  };
}

/** A histogram appears with its first observation and never disappears, so an idle container takes few lines. */
function observed(samples: Samples, labels: LabelSet, histogram: Histogram): void {
  if (!isEmpty(histogram)) samples.histogram(labels, histogram);
}

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
import { isEmpty, type Family } from '../exposition/format.js';
import { LabelSet, NO_LABELS, remembered } from '../exposition/labels.js';
import type { ContainerIdentity } from '../identity/pods.js';

/** One container's share of a scrape. */
export interface ContainerSeries {
  readonly identity: ContainerIdentity;
  readonly counters: ContainerCounters;
  /** False once it has ended: it has counters, and no gauges. */
  readonly live: boolean;
}

/** Writes the samples of one family, container after container, in some format. */
export interface Samples {
  /** The labels of the container whose samples come next. */
  container: LabelSet;
  /** @param labels - those it has besides the container's */
  value(labels: LabelSet, value: number): void;
  histogram(labels: LabelSet, histogram: Histogram): void;
}

interface PerContainer extends Family {
  /** The BPF program that measures it; unmeasured is not zero, so without it the family is left out. */
  readonly program?: string;
  /** Left out without `--histograms.detail`. */
  readonly detailOnly?: true;
  /** Hands over what one container has of it. */
  readonly collect: (series: ContainerSeries, samples: Samples) => void;
}

export interface ValueFamily extends PerContainer {
  readonly type: 'counter' | 'gauge';
}

export interface HistogramFamily extends PerContainer {
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
    collect: ({ identity }, samples) => {
      if (!identity.isRestOfPod) samples.value(infoLabels(identity), 1);
    },
  },
  {
    name: 'kernscale_container_cpu_request_cores',
    help: 'CPU request of the container as its pod states it, in cores; with an empty container, what the pod requests beyond its containers.',
    type: 'gauge',
    collect: ({ identity: { cpuRequest } }, samples) => {
      if (cpuRequest !== undefined) samples.value(NO_LABELS, cpuRequest);
    },
  },
  {
    name: 'kernscale_container_cpu_limit_cores',
    help: 'CPU limit of the container as its pod states it, in cores.',
    type: 'gauge',
    collect: ({ identity: { cpuLimit } }, samples) => {
      if (cpuLimit !== undefined) samples.value(NO_LABELS, cpuLimit);
    },
  },
  {
    name: 'kernscale_state_seconds_total',
    help: 'Thread-seconds in each state, unfinished intervals included; every thread is in exactly one.',
    type: 'counter',
    program: 'sched_switch',
    collect: ({ counters: { stateSeconds } }, samples) => {
      for (const { labels, state } of STATE_LABELS) samples.value(labels, stateSeconds[state]);
    },
  },
  {
    name: 'kernscale_oncpu_seconds',
    help: 'Length of one run on a CPU; the sum is the CPU time used.',
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
    help: 'Length of one wait for a CPU.',
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
    help: 'Length of one blocked interval, by what the thread was blocked on.',
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
    help: 'Block requests that ended in an error; they are in no histogram.',
    type: 'counter',
    program: 'block_rq_complete',
    collect: ({ counters: { blockIo } }, samples) => {
      for (const { op, device, failures } of blockIo) samples.value(deviceLabels[op](device), failures);
    },
  },
  {
    name: 'kernscale_tcp_serve_seconds',
    help: 'Server side: request received to first byte of the answer; the count is requests served.',
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
    help: 'Of the requests in kernscale_tcp_serve_seconds, those with others in flight on their connection.',
    type: 'counter',
    program: 'tcp_rcv_space_adjust',
    collect: ({ counters: { tcpServe, tcpServeOverlapped } }, samples) => {
      if (!isEmpty(tcpServe)) samples.value(NO_LABELS, tcpServeOverlapped);
    },
  },
  {
    name: 'kernscale_tcp_wait_seconds',
    help: 'Client side: last byte of a request sent to first byte of the answer, by peer.',
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
    help: 'Of the waits in kernscale_tcp_wait_seconds, those with others in flight on their connection.',
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

/** A histogram appears with its first observation, so an idle container costs few lines; it never disappears. */
function observed(samples: Samples, labels: LabelSet, histogram: Histogram): void {
  if (!isEmpty(histogram)) samples.histogram(labels, histogram);
}

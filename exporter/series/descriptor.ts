import {
  BLOCK_OPS,
  type BlockIoCounters,
  type BlockIoHistogram,
  type BlockIoScalar,
  type BlockOp,
  type ContainerHistogram,
  type ContainerScalar,
  type PeerCounters,
  type PeerHistogram,
  type PeerScalar,
  type State,
} from 'bpf-linker-napi';
import type { Family } from '../exposition/format.js';
import { LabelSet, remembered, type Labels } from '../exposition/labels.js';
import type { ContainerIdentity } from '../identity/source.js';

/** Everything about one metric of each container. */
export type Descriptor =
  IdentityDescriptor | PodDescriptor | OpaqueDescriptor | CounterDescriptor | HistogramDescriptor;

/** Part of what Kubernetes reports about the container. */
export interface IdentityDescriptor extends Family {
  readonly type: 'gauge';
  readonly of: 'identity';
  readonly labels?: Readonly<Record<string, 'image' | 'containerId'>>;
  readonly value: (identity: ContainerIdentity) => number | undefined;
  readonly ofRestOfPod?: true;
}

/** Starved time, which the kernel or a BPF program measures. */
export interface PodDescriptor extends Family {
  readonly type: 'counter';
  readonly of: 'pod';
  readonly ofRestOfPod: true;
}

/** Marks a container whose threads cannot be seen. */
export interface OpaqueDescriptor extends Family {
  readonly type: 'gauge';
  readonly of: 'opaque';
  readonly ofRestOfPod: true;
}

/** Measured by a BPF program; without it the metric is left out, because unmeasured is not zero. */
interface Measured extends Family {
  readonly program: string;
  /** Exported for the rest of a pod, too. */
  readonly ofRestOfPod?: true;
}

export type CounterDescriptor = Measured & {
  readonly type: 'counter' | 'gauge';
  /** Divides the counter, which the kernel keeps in smaller units. */
  readonly divisor?: number;
} & (
    | (OfContainer<'states' | 'serving', State> & {
        /** States that few containers are ever in: each is exported once it is not zero. */
        readonly rare?: readonly State[];
      })
    | OfContainer<'container', ContainerScalar>
    | OfEntries<'blockIo', BlockIoScalar, BlockIoHistogram>
    | OfEntries<'peers', PeerScalar, PeerHistogram | PeerScalar>
  );

export type HistogramDescriptor = Measured & {
  readonly type: 'histogram';
  readonly unit: 'seconds' | 'bytes';
  /**
   * Bounds of the classic histogram without `--histograms.detail`, as exponents of two of a second or a byte. Native
   * histograms always have every bound.
   */
  readonly coarse: readonly number[];
} & (
    | OfContainer<'container', ContainerHistogram>
    | OfEntries<'blockIo', BlockIoHistogram>
    | OfEntries<'peers', PeerHistogram>
  );

/** Counters of the container itself. */
interface OfContainer<Of, Counter extends string> {
  readonly of: Of;
  /** Labels of each counter's series. */
  readonly series: Readonly<Partial<Record<Counter, Labels>>>;
  /** Counters that the line limit keeps; all by default. */
  readonly kept?: readonly Counter[];
  /** Exported once this histogram has observations, or this counter is not 0. */
  readonly onlyWith?: ContainerHistogram | ContainerScalar;
}

/** A counter of each of the container's entries, with their labels. */
interface OfEntries<Of, Counter extends string, Condition = never> {
  readonly of: Of;
  readonly counter: Counter;
  /** The line limit keeps none. */
  readonly kept?: readonly [];
  /** Exported once this histogram of the entry has observations, or this counter of it is not 0. */
  readonly onlyWith?: Condition;
}

const deviceLabels = Object.fromEntries(
  BLOCK_OPS.map((op) => [op, remembered((device) => new LabelSet({ op, device }))]),
) as Record<BlockOp, (device: string) => LabelSet>;
const peerLabels = remembered((peer) => new LabelSet({ peer }));

/** Kinds of entries, and the labels that tell the entries of a container apart. */
export const ENTRIES = {
  blockIo: {
    labelNames: ['op', 'device'],
    labels: ({ op, device }: BlockIoCounters) => deviceLabels[op](device),
    key: ({ op, device }: BlockIoCounters) => `${op} ${device}`,
  },
  peers: {
    labelNames: ['peer'],
    labels: ({ peer }: PeerCounters) => peerLabels(peer),
    key: ({ peer }: PeerCounters) => peer,
  },
} as const;

/** Gives each name a series that the name labels. */
export function labelled<Name extends string>(label: string, names: readonly Name[]): Record<Name, Labels> {
  const series = {} as Record<Name, Labels>;
  for (const name of names) series[name] = { [label]: name };
  return series;
}

/** A counter of the requests that a container receives. */
export function server(counter: ContainerScalar) {
  return {
    program: 'tcp_rcv_space_adjust',
    of: 'container',
    series: { [counter]: {} },
    onlyWith: 'tcp_requests',
  } as const;
}

/** A counter of the requests that a container sends to a peer. */
export function client(counter: PeerScalar) {
  return { program: 'tcp_rcv_space_adjust', of: 'peers', counter, onlyWith: 'sent' } as const;
}

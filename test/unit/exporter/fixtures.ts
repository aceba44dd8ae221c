import {
  BLOCKIO_SCALARS,
  CONTAINER_HISTOGRAMS,
  CONTAINER_SCALARS,
  PEER_SCALARS,
  REASONS,
  STATES,
  type ContainerCounters,
  type Costs,
  type Histogram,
  type Probes,
  type Snapshot,
} from 'bpf-linker-napi';
import { KernscaleError } from '../../../common/errors.js';
import type { MeasuredCgroup } from '../../../exporter/cgroups/path.js';
import type { ExporterProbes } from '../../../exporter/exporter.js';
import type { Format } from '../../../exporter/exposition/format.js';
import type { ContainerIdentity, PodIdentity } from '../../../exporter/identity/source.js';
import type { ProfileService } from '../../../exporter/profile/route.js';
import { SelfMetrics } from '../../../exporter/self-metrics.js';
import type { ContainerSeries } from '../../../exporter/series/counters.js';
import { renderContainers, type RenderOptions } from '../../../exporter/series/render.js';

/** Bounds as the kernel side has them: 2^-20 to 2^6 seconds, 2^9 to 2^26 bytes. */
export const BOUNDS = {
  seconds: Array.from({ length: 27 }, (_, index) => 2 ** (index - 20)),
  bytes: Array.from({ length: 18 }, (_, index) => 2 ** (index + 9)),
};
const ALL_PROGRAMS = new Set([
  'sched_switch',
  'sample',
  'block_rq_complete',
  'tcp_rcv_space_adjust',
  'inet_sock_set_state',
  'tcp_retransmit',
]);
/** Everything there is to render, and what is rendered by default. */
export const DETAILED = { programs: ALL_PROGRAMS, bounds: BOUNDS, detail: true } as const;
export const BY_DEFAULT = { ...DETAILED, detail: false } as const;

/** The histogram of the given observations, bucketed as the kernel does it. */
export function histogram(values: readonly number[], bounds: readonly number[] = BOUNDS.seconds): Histogram {
  const buckets = new Float64Array(bounds.length + 1);
  for (const value of values) {
    const index = bounds.findIndex((bound) => value <= bound);
    buckets[index === -1 ? bounds.length : index]!++;
  }
  return { buckets, sum: values.reduce((sum, value) => sum + value, 0) };
}

export function record<K extends string, V>(keys: readonly K[], value: (key: K, index: number) => V) {
  return Object.fromEntries(keys.map((key, index) => [key, value(key, index)])) as Record<K, V>;
}

/** Zeros, except for what is given. */
export function none<K extends string>(names: readonly K[], given: Partial<Record<K, number>> = {}) {
  return { ...record(names, () => 0), ...given } as Record<K, number>;
}

/** Histograms of a container, without observations but for those given. */
export function histograms(
  given: Partial<ContainerCounters['histograms']> = {},
): ContainerCounters['histograms'] {
  return { ...record(CONTAINER_HISTOGRAMS, () => histogram([])), ...given };
}

/** Counters of a container that has done nothing yet but what is given. */
export function counters(slot: number, given: Partial<ContainerCounters> = {}): ContainerCounters {
  return {
    slot,
    stateSeconds: none(STATES),
    servingSeconds: none(STATES),
    starvedSeconds: 0,
    scalars: none(CONTAINER_SCALARS),
    histograms: histograms(),
    blockIo: [],
    peers: [],
    ...given,
  };
}

/** Counters of a container that has used all there is. */
export function busyCounters(slot: number): ContainerCounters {
  return counters(slot, {
    stateSeconds: record(STATES, (_, index) => index * 1.5 + slot),
    servingSeconds: record(STATES, (_, index) => index * 0.5),
    scalars: none(CONTAINER_SCALARS, {
      samples_user: 42,
      samples_kernel: 7,
      tcp_serve_overlapped: 1,
      tcp_requests: 9,
      tcp_outstanding: 2,
      tcp_outstanding_ns: 1_250_000_000,
      tcp_abandoned: 4,
      tcp_dropped: 1,
      tcp_in_vain: 1,
      tcp_retries: 3,
      tcp_accept_overflows: 5,
    }),
    histograms: histograms({
      oncpu: histogram([0.001, 0.002, 0.25, 0.25]),
      runqueue: histogram([2 ** -20, 2 ** -19, 100]),
      ...record(REASONS, (_, index) => histogram([2 ** (index - 8)])),
      tcp_serve: histogram([0.05, 0.06]),
      tcp_think: histogram([0.3]),
    }),
    blockIo: [
      {
        device: 'vda',
        op: 'read',
        scalars: none(BLOCKIO_SCALARS, { failures: 2 }),
        histograms: {
          seconds: histogram([0.0005, 0.002]),
          bytes: histogram([4096, 131_072], BOUNDS.bytes),
        },
      },
    ],
    peers: [
      {
        peer: '10.96.0.12:8080',
        scalars: none(PEER_SCALARS, {
          overlapped: 1,
          connections: 3,
          failures: 1,
          retransmits: 2,
          sent: 4,
          sent_outstanding: 1,
          sent_outstanding_ns: 61_000_000,
          sent_abandoned: 1,
          sent_dropped: 1,
        }),
        histograms: { wait: histogram([0.051]), long_wait: histogram([]) },
      },
      {
        peer: '[fd00::1]:53',
        scalars: none(PEER_SCALARS, { connections: 1 }),
        histograms: { wait: histogram([]), long_wait: histogram([]) },
      },
    ],
  });
}

export function identity(given: Partial<ContainerIdentity> = {}): ContainerIdentity {
  return {
    namespace: 'shop',
    pod: 'web-6d4cf56db6-x7k2p',
    container: 'web',
    workload: 'web',
    workloadKind: 'Deployment',
    image: 'registry.example/web:1.2',
    containerId: 'containerd://aa',
    cpuRequest: 0.2,
    cpuLimit: undefined,
    ...given,
  };
}

/** A container cgroup `id` in the pod with uid `pod`. */
export function cgroup(pod: string, id: string): MeasuredCgroup {
  return { podUid: pod, containerId: id, path: `/${pod}/${id}` };
}

export function podIndex(
  ...pods: readonly [uid: string, namespace: string, containers: Record<string, ContainerIdentity>][]
): Map<string, PodIdentity> {
  return new Map(
    pods.map(([uid, namespace, containers]) => [
      uid,
      { namespace, containers: new Map(Object.entries(containers)) },
    ]),
  );
}

/** Slots in memory with counters set by hand, in place of the kernel's. */
export class HandMadeProbes implements ExporterProbes {
  readonly programs: Probes['programs'];
  readonly blockIoAttribution = 'submitter';
  readonly slots = new Map<bigint, number>();
  readonly counters = new Map<number, ContainerCounters>();
  drops: Snapshot['drops'] = {};
  starvationCounted = false;

  constructor(
    private readonly capacity = 1024,
    programs: Probes['programs'] = [
      { probe: 'scheduler', program: 'sched_switch', attached: true, detail: '' },
      { probe: 'blockio', program: 'block_rq_complete', attached: true, detail: '' },
      { probe: 'sampling', program: 'sample', attached: true, detail: '' },
      { probe: 'tcp', program: 'sock_send_length', attached: false, detail: 'needs kernel 6.3' },
    ],
  ) {
    this.programs = programs;
  }

  track(cgroupId: bigint): number {
    const known = this.slots.get(cgroupId);
    if (known !== undefined) return known;
    const taken = new Set(this.slots.values());
    const slot = Array.from({ length: this.capacity }, (_, index) => index + 1).find(
      (one) => !taken.has(one),
    );
    if (slot === undefined) throw new KernscaleError('SLOTS_FULL', 'every slot is taken');
    this.slots.set(cgroupId, slot);
    this.counters.set(slot, counters(slot));
    return slot;
  }

  /** Has no program that could tell. */
  followCgroups(): void {
    return;
  }

  measure(milliseconds: number): Promise<Costs> {
    return Promise.resolve({
      seconds: milliseconds / 1000,
      programs: [{ program: 'sched_switch', runs: 1000, seconds: 1e-4 }],
    });
  }

  countStarvation(): void {
    this.starvationCounted = true;
  }

  untrack(cgroupId: bigint): void {
    const slot = this.slots.get(cgroupId);
    if (slot === undefined) return;
    this.slots.delete(cgroupId);
    this.counters.delete(slot);
  }

  /** Adds on-CPU seconds to a tracked cgroup, as if it had run. */
  run(cgroupId: bigint, seconds: number): void {
    const slot = this.slots.get(cgroupId);
    if (slot === undefined) return;
    const { stateSeconds } = this.counters.get(slot)!;
    const oncpu = stateSeconds.oncpu + seconds;
    this.counters.set(slot, counters(slot, { stateSeconds: { ...stateSeconds, oncpu } }));
  }

  read(): Snapshot {
    return { containers: [counters(0), ...this.counters.values()], drops: this.drops, flushSeconds: 0 };
  }
}

/** Returns the result of a generator. */
export function resultOf<T>(generator: Generator<unknown, T>): T {
  for (;;) {
    const step = generator.next();
    if (step.done === true) return step.value;
  }
}

/** The families of these containers as a scraper gets them. */
export function rendered(
  series: readonly ContainerSeries[],
  format: Format,
  options: RenderOptions = DETAILED,
): Buffer {
  return Buffer.concat(Array.from(renderContainers(series, options, format), (piece) => Buffer.from(piece)));
}

/** An exporter that takes no profiles. */
export const NO_PROFILES: ProfileService = {
  profiler: undefined,
  unavailable: '',
  isAllowed: () => false,
  targetOf: () => () => new Map(),
};

/** The exporter's metrics on itself, after one stage of a scrape. */
export function observedSelfMetrics(): SelfMetrics {
  const self = new SelfMetrics('1.2.3', () => ({
    containers: { exported: 2, unknown: 0, ignored: 1, folded: 0, terminated: 0 },
    podsKnown: 2,
    watchRestarts: 1,
    programs: new HandMadeProbes().programs,
    reduced: { reason: 'no_btf', detail: 'no BTF' },
    blockIoAttribution: 'submitter',
    drops: { threads_full: 0 },
    costs: [{ program: 'sched_switch', runs: 1000, seconds: 1e-4 }],
  }));
  self.observeStage('read', 0.0004);
  return self;
}

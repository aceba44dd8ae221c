import {
  STATES,
  type BlockIoHistogram,
  type BlockIoScalar,
  type BlockOp,
  type ContainerHistogram,
  type ContainerScalar,
  type Drop,
  type PeerHistogram,
  type PeerScalar,
  type ProbeName,
  type State,
} from './layout.js';

/** Blocked reasons: all states but the three in which a thread has work for a CPU. */
export type Reason = Exclude<State, 'oncpu' | 'runqueue' | 'throttled'>;
export const REASONS = STATES.filter(
  (state): state is Reason => state !== 'oncpu' && state !== 'runqueue' && state !== 'throttled',
);

/**
 * Histogram as the kernel counts it: `buckets[i]` is the number of observations v with bounds[i-1] < v <= bounds[i] (not
 * cumulative), and the last one those above every bound. `sum` is exact, in the metric's base unit (seconds or bytes).
 */
export interface Histogram {
  readonly buckets: Float64Array;
  readonly sum: number;
}

/** Counters and histograms by the names in bpf/layout.h; no value ever decreases. */
export interface Counters<Scalar extends string, HistogramName extends string> {
  readonly scalars: Readonly<Record<Scalar, number>>;
  readonly histograms: Readonly<Record<HistogramName, Histogram>>;
}

/** Counters of one container since it is tracked. Its histograms are those of its finished intervals, and `tcp_serve`. */
export interface ContainerCounters extends Counters<ContainerScalar, ContainerHistogram> {
  readonly slot: number;
  /** Thread-seconds per state, in-flight intervals included. */
  readonly stateSeconds: Readonly<Record<State, number>>;
  /** The part of `stateSeconds` in which the thread served a request: from reading it to answering it. */
  readonly servingSeconds: Readonly<Record<State, number>>;
  /**
   * Wall time, since `countStarvation`, in which at least one thread of the cgroup waited for a CPU or was out of quota;
   * of the outermost tracked cgroups only.
   */
  readonly starvedSeconds: number;
  readonly blockIo: readonly BlockIoCounters[];
  readonly peers: readonly PeerCounters[];
}

/**
 * Block requests as the device sees them, and as /proc/diskstats counts them: split requests once per part, merged ones
 * once in total. A flush moves no bytes, so it is in `seconds` only; a failed request is in `failures` only.
 */
export interface BlockIoCounters extends Counters<BlockIoScalar, BlockIoHistogram> {
  /** The kernel's name of the whole disk (`vda`, `nvme0n1`), for requests to its partitions too. */
  readonly device: string;
  readonly op: BlockOp;
}

/** Client side of the connections to one peer. */
export interface PeerCounters extends Counters<PeerScalar, PeerHistogram> {
  /** `ip:port` as the process sees it (`[v6]:port`), or `other` for peers beyond the limit. */
  readonly peer: string;
}

/**
 * Owner that block requests are billed to. `blkcg`: the cgroup that dirtied or read the pages, as the io controller
 * records it on cgroup2. `submitter`: the thread that submitted the request; buffered writeback, which a kernel thread
 * submits, is untracked. `issuer`: before Linux 6.5, the thread that passed the request to the device, sometimes a
 * kernel thread. `none`: all requests are untracked.
 */
export const BLOCKIO_ATTRIBUTIONS = ['blkcg', 'submitter', 'issuer', 'none'] as const;
export type BlockIoAttribution = (typeof BLOCKIO_ATTRIBUTIONS)[number];

export interface ProgramStatus {
  /** `profile`: it belongs to what takes stack samples, see `openStackSampler`. */
  readonly probe: ProbeName | 'profile';
  readonly program: string;
  readonly attached: boolean;
  /** `lockdown`: the kernel's lockdown refuses it (`lockdown=confidentiality`). */
  readonly reason?: 'lockdown';
  /** Reason why it is not attached or is limited on this kernel, and the metrics that are missing or incomplete; usually empty. */
  readonly detail: string;
}

/** Runs of one program while it was timed. */
export interface ProgramCost {
  readonly program: string;
  readonly runs: number;
  /** Time spent in those runs, less the cost of the clock reads. */
  readonly seconds: number;
}

/** All programs, timed together. */
export interface Costs {
  /** Length of the measurement. */
  readonly seconds: number;
  readonly programs: readonly ProgramCost[];
}

/** A cgroup2 directory that was created or removed. Ids are never reused. */
export interface CgroupEvent {
  readonly kind: 'created' | 'removed';
  readonly cgroupId: bigint;
  readonly parentId: bigint;
  readonly name: string;
}

/** Cgroups created and removed since the last report, in order. */
export interface CgroupEvents {
  readonly events: readonly CgroupEvent[];
  /** Events dropped because the buffer was full; only a scan finds those cgroups. */
  readonly lost: number;
}

export interface Snapshot {
  /** One entry per tracked slot, and slot 0 for everything untracked. */
  readonly containers: readonly ContainerCounters[];
  /** Observations dropped or folded since load, by cause. */
  readonly drops: Readonly<Partial<Record<Drop, number>>>;
  /** Duration of the flush, which grows with the threads of the machine, not with containers. */
  readonly flushSeconds: number;
}

export interface OpenOptions {
  /** Mount point of cgroup2; containers are identified by the inodes of their directories. */
  readonly cgroupRoot: string;
  /** Probes to load; all by default. */
  readonly probes?: readonly ProbeName[];
  /** Bound on containers tracked at once, slot 0 not counted. Default 1024. */
  readonly maxContainers?: number;
  /**
   * Shards per slot: 1, 2, 4 or 8. By default one per CPU up to eight. Fewer shards than CPUs save memory and cost
   * atomic additions, about 25 ns per context switch.
   */
  readonly shards?: 1 | 2 | 4 | 8;
  /** Instruction-pointer samples per second and CPU. Default 99. */
  readonly sampleHz?: number;
  /** Records created and removed cgroups for `followCgroups`. Default false. */
  readonly cgroupEvents?: boolean;
  /** Receives all messages of libbpf, with the verifier's log when a program is refused. */
  readonly onMessage?: (level: 'warn' | 'info' | 'debug', message: string) => void;
}

/** Capabilities that a process may keep: see `Probes.dropCapabilities`. */
export type Capability = 'CAP_BPF' | 'CAP_SYS_PTRACE';

/** Loaded and attached BPF programs, which the kernel removes when this process ends. */
export interface Probes {
  readonly programs: readonly ProgramStatus[];
  /** Attribution in force on this host; undefined if block I/O is not measured. */
  readonly blockIoAttribution: BlockIoAttribution | undefined;
  /**
   * Bills the cgroup, and its descendants that are not tracked themselves, to a slot of its own. Tracking an id again
   * returns the same slot.
   *
   * @throws NativeError `SLOTS_FULL`
   */
  track(cgroupId: bigint): number;
  /** Frees the cgroup's slot and discards its counters. Ignores unknown ids. */
  untrack(cgroupId: bigint): void;
  /**
   * Drops, irrevocably, all capabilities of all threads of this process except those to keep. The programs stay
   * attached, and reading still works. Returns the capabilities that stay: those of `keep` that the process has, and
   * CAP_BPF where reading needs it: before Linux 5.19, if unprivileged bpf(2) is disabled.
   *
   * @throws NativeError `PRIVILEGES_KEPT`
   */
  dropCapabilities(keep?: readonly Capability[]): readonly Capability[];
  /**
   * Reports created and removed cgroups within 100 ms, beginning with those since the opening, so that a scan after the
   * call misses none. Replaces an earlier listener. Reports nothing unless the programs `cgroup_created` and
   * `cgroup_removed` are attached.
   */
  followCgroups(listener: (events: CgroupEvents) => void): void;
  /** Counts `starvedSeconds` from now on, at 10 to 20 ns per context switch; needed where a pod has no `cpu.pressure`. */
  countStarvation(): void;
  /** Reads all maps in one pass. @throws NativeError `CLOSED` */
  read(): Snapshot;
  /**
   * Has the programs measure their own run time for that long, at three clock reads per run, and returns their runs and
   * time. Needs no capability. @throws NativeError `CLOSED`
   */
  measure(milliseconds: number): Promise<Costs>;
  /** Detaches and unloads; safe to call twice. */
  close(): void;
}

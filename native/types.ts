/** What a thread can be doing; at every instant it is in exactly one state. */
export const STATES = [
  'oncpu',
  'runqueue',
  'throttled',
  'disk',
  'network',
  'lock',
  'ipc',
  'sleep',
  'idle',
  'other',
] as const;
export type State = (typeof STATES)[number];

/** Why a thread is blocked: every state but the three in which it has work to do on a CPU. */
export const REASONS = ['disk', 'network', 'lock', 'ipc', 'sleep', 'idle', 'other'] as const;
export type Reason = (typeof REASONS)[number];

export const PROBES = ['scheduler', 'blockio', 'sampling', 'tcp'] as const;
export type ProbeName = (typeof PROBES)[number];

export const BLOCK_OPS = ['read', 'write', 'flush', 'discard'] as const;
export type BlockOp = (typeof BLOCK_OPS)[number];

/**
 * A kernel histogram: `buckets[i]` observations v with bounds[i-1] < v <= bounds[i] (not cumulative), the
 * last one above every bound. `sum` is exact, in the base unit of the metric (seconds or bytes).
 */
export interface Histogram {
  readonly buckets: Float64Array;
  readonly sum: number;
}

/** Everything one container did since it was tracked; all values only ever grow. */
export interface ContainerCounters {
  readonly slot: number;
  /** Thread-seconds per state, intervals that are not finished included. */
  readonly stateSeconds: Readonly<Record<State, number>>;
  readonly oncpu: Histogram;
  readonly runqueue: Histogram;
  readonly offcpu: Readonly<Record<Reason, Histogram>>;
  /** Server side: request received to first byte of the answer; its count is requests served. */
  readonly tcpServe: Histogram;
  /** How many of `tcpServe` were measured with several requests in flight on one connection. */
  readonly tcpServeOverlapped: number;
  readonly samples: { readonly user: number; readonly kernel: number };
  readonly blockIo: readonly BlockIoCounters[];
  readonly peers: readonly PeerCounters[];
}

/**
 * Requests as the device served them, which /proc/diskstats counts too: the parts of what was split each, what was
 * merged as one. A flush moves no bytes, so it is in `seconds` only; a failed request is in `failures` only.
 */
export interface BlockIoCounters {
  /** The kernel's name of the whole disk (`vda`, `nvme0n1`), also for requests to one of its partitions. */
  readonly device: string;
  readonly op: BlockOp;
  readonly seconds: Histogram;
  readonly bytes: Histogram;
  readonly failures: number;
}

export interface PeerCounters {
  /** `ip:port` as the process sees it (`[v6]:port`), or `other` for peers beyond the bound. */
  readonly peer: string;
  /** Client side: last byte of a request sent to first byte of the answer. */
  readonly wait: Histogram;
  /**
   * How many of `wait` were measured with several requests in flight on one connection: their sum is right if
   * each answer belongs to one request, their distribution is that of answers in order.
   */
  readonly overlapped: number;
  readonly connections: number;
  readonly failures: number;
  readonly retransmits: number;
}

/**
 * Who a block request is billed to. `blkcg`: the cgroup that dirtied the pages or asked for them, as the io
 * controller keeps it on cgroup2. `submitter`: the thread that handed the request in, so that buffered writeback,
 * which a kernel thread does, is nobody's. `issuer`: before Linux 6.5, the thread that passed it to the device, at
 * times a kernel thread in the submitter's place. `none`: no one.
 */
export const BLOCKIO_ATTRIBUTIONS = ['blkcg', 'submitter', 'issuer', 'none'] as const;
export type BlockIoAttribution = (typeof BLOCKIO_ATTRIBUTIONS)[number];

export interface ProgramStatus {
  /** `profile`: it belongs to what takes stack samples, see `openStackSampler`. */
  readonly probe: ProbeName | 'profile';
  readonly program: string;
  readonly attached: boolean;
  /** Why it is not attached, or can tell less on this kernel, and what that costs, by the metric's name; mostly empty. */
  readonly detail: string;
}

/** How often one program ran while it was timed. */
export interface ProgramCost {
  readonly program: string;
  readonly runs: number;
  /** Time spent in those runs, less what looking at the clock takes. */
  readonly seconds: number;
}

/** All programs, timed together. */
export interface Costs {
  /** For how long. */
  readonly seconds: number;
  readonly programs: readonly ProgramCost[];
}

/** A cgroup2 directory that appeared or went away. Its id is never used again. */
export interface CgroupEvent {
  readonly kind: 'created' | 'removed';
  readonly cgroupId: bigint;
  readonly parentId: bigint;
  readonly name: string;
}

/** What became of the machine's cgroups since the last time, in order. */
export interface CgroupEvents {
  readonly events: readonly CgroupEvent[];
  /** How many more there were, for which the buffer had no room: only a scan tells what became of those. */
  readonly lost: number;
}

export interface Snapshot {
  /** One entry per tracked slot, and slot 0 for everything that is not tracked. */
  readonly containers: readonly ContainerCounters[];
  /** Observations lost or folded since load, by cause (`threads_full`, `peers_full`, …). */
  readonly drops: Readonly<Record<string, number>>;
  /** How long it took to credit unfinished time: it grows with the machine's threads, not with containers. */
  readonly settleSeconds: number;
}

export interface OpenOptions {
  /** Where cgroup2 is mounted; identifies containers by the inode of their directory. */
  readonly cgroupRoot: string;
  /** Probes to load; all by default. */
  readonly probes?: readonly ProbeName[];
  /** Containers tracked at once, slot 0 not counted. Default 1024. */
  readonly maxContainers?: number;
  /**
   * Rows of counters per container: 1, 2, 4 or 8. By default one per CPU up to eight. Fewer than CPUs save memory
   * and cost an atomic addition each, about 25 ns per context switch.
   */
  readonly shards?: 1 | 2 | 4 | 8;
  /** Instruction-pointer samples per second and CPU. Default 99. */
  readonly sampleHz?: number;
  /** Keeps what becomes of cgroups from now on for `followCgroups`. Default false. */
  readonly cgroupEvents?: boolean;
  /** Every message of libbpf, with the verifier's log when a program is refused. */
  readonly onMessage?: (level: 'warn' | 'info' | 'debug', message: string) => void;
}

/** What a process may go on holding: see `Probes.dropCapabilities`. */
export type Capability = 'CAP_BPF' | 'CAP_SYS_PTRACE';

/** Loaded and attached BPF programs. They live no longer than this process. */
export interface Probes {
  readonly programs: readonly ProgramStatus[];
  /** What is in force here; undefined when block I/O is not measured. */
  readonly blockIoAttribution: BlockIoAttribution | undefined;
  /**
   * Bills the cgroup, and its descendants that are not tracked themselves, to a slot of its own.
   * Tracking an id twice answers the same slot.
   *
   * @throws NativeError `SLOTS_FULL`
   */
  track(cgroupId: bigint): number;
  /** Frees the cgroup's slot; its counters are gone. Unknown ids are ignored. */
  untrack(cgroupId: bigint): void;
  /**
   * Gives up, for good, every capability of every thread of this process but those to keep. The programs stay
   * attached and everything goes on working. Answers the capabilities that stay: what the process has of `keep`,
   * and CAP_BPF, which reading needs, before Linux 5.19 where unprivileged bpf(2) is disabled.
   *
   * @throws NativeError `PRIVILEGES_KEPT`
   */
  dropCapabilities(keep?: readonly Capability[]): readonly Capability[];
  /**
   * Tells within 100 ms of cgroups that come and go, and first of those since the opening: a scan that follows the call
   * misses none. Takes the place of an earlier listener. Nothing is told if the programs `cgroup_created` and
   * `cgroup_removed` are not attached.
   */
  followCgroups(listener: (events: CgroupEvents) => void): void;
  /** Reads all maps in one pass. @throws NativeError `CLOSED` */
  read(): Snapshot;
  /**
   * Lets the programs time themselves for so long, at three looks at the clock a run, and answers what they did
   * meanwhile. Needs no capability. @throws NativeError `CLOSED`
   */
  measure(milliseconds: number): Promise<Costs>;
  /** Detaches and unloads; safe to call twice. */
  close(): void;
}

import type { Absent, Peer } from './types.js';

/** Thread states that the decision reads, with the label values of `kernscale_state_seconds_total`. */
export type ThreadState =
  'oncpu' | 'runqueue' | 'throttled' | 'disk' | 'network' | 'lock' | 'ipc' | 'sleep' | 'idle' | 'other';

/** Thread-seconds per second by state; a state without time may be left out. */
export type StateRates = Readonly<Partial<Record<ThreadState, number>>>;

/** What a workload did in one window: rates per second of its counters, summed over its pods. */
export interface Measures {
  /** Length of the window, seconds. */
  readonly window: number;
  /** Time of the scrape that the window ends with, seconds since the epoch. */
  readonly timestamp: number;
  /** Number of pods that are measured over the whole window. */
  readonly pods: number;
  /** Those of `pods` whose threads cannot be seen: of them only CPU used and starvation are measured. */
  readonly opaque?: readonly OpaquePod[];
  /** All threads. */
  readonly states: StateRates;
  /** Threads that serve a request; undefined where the exporter does not tell them apart. */
  readonly serving?: StateRates | undefined;
  /**
   * Share of wall time in which a pod has a thread that waits for a CPU or is out of quota (PSI's `some`), the mean of
   * the pods, 0..1; undefined where not measured.
   */
  readonly starved?: number | undefined;
  /** Undefined where the exporter does not count requests that arrive: one of the first release, or a probe is off. */
  readonly requests?: Requests | undefined;
  /** Calls to peers. */
  readonly calls: readonly Calls[];
}

/** A pod whose threads cannot be seen. */
export interface OpaquePod {
  readonly pod: string;
  /** Value of the label `reason` of `kernscale_container_opaque`. */
  readonly reason: string;
}

/** Requests that a workload serves, per second. */
export interface Requests {
  /** First bytes that reached its sockets. */
  readonly arrived: number;
  readonly answered: number;
  /** The client went first. */
  readonly abandoned: number;
  /** The server hung up. */
  readonly dropped: number;
  /** Answers to clients that had gone, part of `answered`. */
  readonly inVain: number;
  /** Clients that came back after giving up. */
  readonly retried: number;
  /** Request-seconds per second: the mean number of requests that wait for their answer. */
  readonly outstanding: number;
  /** Sum of the serving times of the answered ones, seconds per second. */
  readonly served: number;
  /** Requests that came at least 100 ms after an answer on their connection, and the sum of these pauses. */
  readonly thought: { readonly requests: number; readonly seconds: number };
}

/** Requests to one peer, per second. */
export interface Calls {
  /** `ip:port` as the calling process sees it. */
  readonly peer: string;
  readonly to: Peer;
  readonly sent: number;
  readonly answered: number;
  /** Sum of the waiting times of the answered ones, seconds per second. */
  readonly waited: number;
  /** Request-seconds per second. */
  readonly outstanding: number;
  /** Given up by the caller. */
  readonly abandoned: number;
  /** Ended by the peer without an answer, or the connection was refused. */
  readonly failed: number;
}

/** A workload's measures over both windows of a round. */
export interface Windows {
  /** The shortest window with two scrapes of every pod: what growing looks at. */
  readonly recent: Measures | Absent;
  /** The longer window: harm, learning and shrinking. */
  readonly settled: Measures | Absent;
}

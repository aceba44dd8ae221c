import type { Samples } from '../core/round.js';
import type { WorkloadKey } from '../core/types.js';

/** Something that scales the services of a simulation. Times are seconds since the start. */
export interface Controller {
  readonly name: string;
  /** Seconds between two calls. */
  readonly interval: number;
  /** Asks for counters every second, which {@link PodView.over} needs. */
  readonly metersPods?: boolean;
  /** @returns replicas by name of a service; those that are not in it stay as they are */
  decide(view: View, now: number): ReadonlyMap<string, number>;
}

/** What can be known from outside. */
export interface View {
  readonly services: ReadonlyMap<string, ServiceView>;
  /** Of the responses that a client got in the last `seconds`; undefined without one. */
  clientLatency(client: string, seconds: number): Latency | undefined;
}

export interface ServiceView {
  readonly name: string;
  readonly key: WorkloadKey;
  /** `spec.replicas`. */
  readonly replicas: number;
  /** Those being deleted are not among them. */
  readonly pods: readonly PodView[];
  /** CPU request of a pod, cores. */
  readonly request: number;
  readonly limit: number | undefined;
  /**
   * What Kernscale's shell would hand to the core: from scraped counters, by Prometheus' `rate`.
   *
   * @param quantiles of the latency, for which to add a signal
   */
  samples(quantiles?: readonly number[]): Samples;
  /** Of the responses scraped in the last `seconds`; undefined without one. */
  latency(seconds: number): Latency | undefined;
}

export interface Latency {
  readonly mean: number;
  /** Upper bound of the quarter octave that the quantile lies in. */
  readonly p99: number;
  readonly answered: number;
}

export interface PodView {
  readonly name: string;
  readonly createdAt: number;
  /** Undefined while no node has room for it. */
  readonly startedAt: number | undefined;
  readonly ready: boolean;
  /** Last change of its readiness. */
  readonly readySince: number;
  /**
   * CPU usage as metrics-server reports it: over the newest two of the kubelet's samples (every 15 s) that its last poll
   * (every 15 s) has seen. Undefined before there are two.
   */
  readonly usage: { readonly cores: number; readonly timestamp: number; readonly window: number } | undefined;
  /** Means over the last `seconds` (at most 60), or since the start of the pod; undefined unless pods are metered. */
  over(seconds: number): PodLoad | undefined;
}

export interface PodLoad {
  /** Cores. */
  readonly cpu: number;
  /** PSI's `some` of the CPU, 0..1. */
  readonly starved: number;
  /** Requests per second that arrived. */
  readonly requests: number;
  /** Requests that wait for their answer. */
  readonly concurrency: number;
}

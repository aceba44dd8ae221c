/** Time per request, in seconds. */
export interface Work {
  readonly cpu: number;
  /** Part of `cpu` spent under the lock of the pod. */
  readonly lock: number;
  /** On a disk that all pods share and that serves one request at a time. */
  readonly disk: number;
  /** Waiting for a peer of unlimited capacity. */
  readonly wait: number;
}

export interface PodModel {
  /** CPU limit, cores. */
  readonly limit: number;
  /** Concurrent requests. */
  readonly threads: number;
}

/** Mean number of threads of all pods in each state over a step. */
type States = Readonly<Record<'oncpu' | 'throttled' | 'disk' | 'network' | 'lock' | 'idle', number>>;

export interface Step {
  readonly states: States;
  /** Requests per second. */
  readonly served: number;
  /** Waiting requests at the end. */
  readonly backlog: number;
  /** Latency of a request that arrives at the end; undefined while no request is served. */
  readonly latency: number | undefined;
}

/**
 * Serves an open-loop load for one step: requests arrive independently of earlier responses.
 *
 * A fluid model: requests are amounts, spread evenly over the pods, and all take the same time. A queue forms only if
 * the load exceeds the capacity of the scarcest resource, and latencies have no tail. Thread states follow from
 * Little's law: the number of busy threads is the number of requests in service, or all threads while requests wait;
 * threads without progress wait for the scarcest resource.
 *
 * @param load requests per second
 * @param backlog waiting requests at the start
 * @param seconds length of the step
 */
export function serve(
  work: Work,
  { limit, threads }: PodModel,
  pods: number,
  load: number,
  backlog: number,
  seconds: number,
): Step {
  const service = work.cpu + work.disk + work.wait;
  const limits = [
    { state: 'throttled', rate: (pods * limit) / work.cpu },
    { state: 'lock', rate: pods / work.lock },
    { state: 'disk', rate: 1 / work.disk },
    { state: 'idle', rate: (pods * threads) / service },
  ] as const;
  const scarcest = limits.reduce((a, b) => (b.rate < a.rate ? b : a));
  const offered = backlog / seconds + load;
  const served = pods === 0 ? 0 : Math.min(offered, scarcest.rate);
  const left = (offered - served) * seconds;
  const working = { oncpu: served * work.cpu, disk: served * work.disk, network: served * work.wait };
  const inService = working.oncpu + working.disk + working.network;
  const busy = left > 0 ? pods * threads : inService;
  const states = { ...working, throttled: 0, lock: 0, idle: pods * threads - busy };
  states[scarcest.state] += busy - inService;
  return { states, served, backlog: left, latency: served > 0 ? left / served + service : undefined };
}

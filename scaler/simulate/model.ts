/** What one request takes, in seconds. */
export interface Work {
  readonly cpu: number;
  /** The part of `cpu` that is done under a lock which each process has one of. */
  readonly lock: number;
  /** On a disk that all pods share, and that serves one request at a time. */
  readonly disk: number;
  /** For the answer of a peer, which never tires. */
  readonly wait: number;
}

export interface PodModel {
  /** CPU limit, cores. */
  readonly limit: number;
  /** Requests that it serves at once. */
  readonly threads: number;
}

/** Threads of all pods in each state, on average over a step. */
export type States = Readonly<Record<'oncpu' | 'throttled' | 'disk' | 'network' | 'lock' | 'idle', number>>;

export interface Step {
  readonly states: States;
  /** Requests per second. */
  readonly served: number;
  /** Requests that wait at the end. */
  readonly backlog: number;
  /** Of a request that arrives at the end; undefined while nothing is served. */
  readonly latency: number | undefined;
}

/**
 * What pods do with an open-loop load in one step: requests arrive whether the ones before are answered or not.
 *
 * A fluid: requests are amounts, spread evenly over the pods, and all take the same. So a queue forms only where the
 * load exceeds what the scarcest resource can give, and a latency has no tail. What threads do follows from Little's
 * law: as many are busy as requests are being served, all of them while requests wait; those that get nothing done
 * wait for the scarcest resource.
 *
 * @param load requests per second
 * @param backlog requests that wait at the beginning
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

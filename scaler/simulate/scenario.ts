import type { Profile } from './profile.js';

/**
 * What is simulated, as plain data. Times and durations are in seconds, CPU in cores. `scenario-schema.ts` reads the same
 * from YAML.
 */
export interface Scenario {
  readonly name: string;
  /** The same seed gives the same run. */
  readonly seed: number;
  readonly length: number;
  readonly services: readonly ServiceModel[];
  readonly outside: readonly OutsideModel[];
  readonly clients: readonly ClientModel[];
  readonly faults: readonly Fault[];
  /** Undefined: every pod has `cores` of its own, and there is room for all. */
  readonly nodes?: { readonly count: number; readonly cores: number } | undefined;
  readonly scrape: {
    /** Between two scrapes of a pod; the phase of each pod is random. */
    readonly interval: number;
    /** From a scrape until a controller can see it. */
    readonly lag: number;
  };
  /** Width of the intervals in which the outcome counts requests. */
  readonly bucket: number;
  /** What is right; the simulator does not read it. */
  readonly truth?: unknown;
}

/** A random amount; */
export interface Spread {
  readonly mean: number;
  readonly shape: 'constant' | 'exponential' | 'lognormal' | 'pareto';
  /** `lognormal`: standard deviation of the logarithm. `pareto`: index, above 1. */
  readonly parameter: number;
}

/**
 * `loop`: one thread serves all requests at once and waits for none (Node). `unbounded`: a goroutine per request, on as
 * many threads as there are cores. A number: threads that serve one request each.
 */
export type Threads = number | 'loop' | 'unbounded';

export interface ServiceModel {
  readonly name: string;
  readonly namespace: string;
  /** At the start. */
  readonly replicas: number;
  /** CPU request of a pod. */
  readonly request: number;
  /** CPU limit of a pod; undefined: none. */
  readonly limit?: number | undefined;
  /** CPUs of its node that a pod can use at once, where no nodes are given. */
  readonly cores: number;
  readonly threads: Threads;
  /** Requests that may wait for a thread of a pod; beyond them connections are not accepted. */
  readonly backlog: number;
  /** From a pod's creation until it serves. */
  readonly startup: number;
  /** CPU time that starting up uses. */
  readonly startupCpu: number;
  /** Undefined: pods are ready from their start to their end. */
  readonly readiness?: Readiness | undefined;
  readonly work: Work;
  readonly calls: readonly CallModel[];
  readonly order: 'sequence' | 'parallel';
  /** What becomes of a request whose client has gone: `work` answers it in vain, `skip` drops it. */
  readonly abandoned: 'work' | 'skip';
  readonly background: readonly Background[];
}

/** Kubelet's readiness probe: it takes a thread and a little CPU, as a request does. */
export interface Readiness {
  readonly period: number;
  readonly timeout: number;
  /** Failures in a row that take the pod out of the endpoints. */
  readonly failures: number;
}

/** Time per request. Half of the CPU time is used before what is waited for, half after it. */
export interface Work {
  /** Outside of the lock. */
  readonly cpu: Spread;
  /** CPU time under the lock of the pod. */
  readonly lock?: Spread | undefined;
  /** On a disk that all pods of the service share, and that serves one request at a time. */
  readonly disk?: Spread | undefined;
  readonly sleep?: Spread | undefined;
}

export interface CallModel {
  /** Name of a service, or of something outside. */
  readonly to: string;
  /** Share of the requests that make this call, 0..1. */
  readonly probability: number;
  /** Calls of a request that makes them, one after the other. */
  readonly times: number;
  /** Undefined: waits for ever. */
  readonly timeout?: number | undefined;
  readonly retries: number;
  /** Calls of a pod that may be outstanding at once; undefined: any number. */
  readonly pool?: number | undefined;
}

/** A thread that serves nothing: every `every` seconds it uses `cpu`, then waits for a disk of its own. */
export interface Background {
  readonly every: number;
  readonly cpu: number;
  readonly disk: number;
}

/** A peer that no one scales: a database, an API of another company. */
export interface OutsideModel {
  readonly name: string;
  readonly time: Spread;
  /** Requests that it serves at once; undefined: any number. */
  readonly capacity?: number | undefined;
}

export interface ClientModel {
  readonly name: string;
  /** Name of the service that it calls. */
  readonly to: string;
  /**
   * `open`: requests per second, whatever becomes of them. `closed`: users, who ask, wait and think. `queue`: messages per
   * second into a queue that the pods take from; the exporter sees no requests.
   */
  readonly kind: 'open' | 'closed' | 'queue';
  readonly load: Profile;
  /** Of an open load or a queue. */
  readonly arrivals: 'poisson' | 'even';
  /** Requests that come at once. */
  readonly batch: number;
  /** Pause of a user between a response and the next request. */
  readonly think: Spread;
  /** Connections last: pauses show as think times. */
  readonly keepAlive: boolean;
  readonly timeout?: number | undefined;
  readonly retries: number;
  readonly objective: {
    readonly latency: number;
    /** Share of requests that must keep it, 0..1. */
    readonly quantile: number;
  };
}

interface Timed {
  readonly at: number;
  /** Undefined: to the end. */
  readonly for?: number | undefined;
}

/** `to` names a service or something outside, `service` a service. */
export type Fault = Timed &
  (
    | { readonly kind: 'cpu'; readonly service: string; readonly factor: number }
    /** Its pods get this share of their request: neighbours take the rest. */
    | { readonly kind: 'cpuShare'; readonly service: string; readonly share: number }
    | { readonly kind: 'disk'; readonly service: string; readonly factor: number }
    /** CPU time under the lock becomes this. */
    | { readonly kind: 'lock'; readonly service: string; readonly time: number }
    /** Something outside takes this many times as long. */
    | { readonly kind: 'slow'; readonly to: string; readonly factor: number }
    /** Waits this long before each answer. */
    | { readonly kind: 'sleep'; readonly to: string; readonly time: number }
    /** Accepts and answers nothing until the fault ends. */
    | { readonly kind: 'hang'; readonly to: string }
    | { readonly kind: 'refuse'; readonly to: string }
    /** Answers at once, with an error, for 0.5 ms of CPU. */
    | { readonly kind: 'failFast'; readonly to: string }
    | { readonly kind: 'pool'; readonly service: string; readonly to: string; readonly size: number }
    /** A new template, rolled out as a Deployment does with 25 % surge and 25 % unavailable; it has no end. */
    | { readonly kind: 'rollout'; readonly service: string; readonly cpuFactor: number }
    | { readonly kind: 'prometheus' }
    /** This share of the scrapes is lost. */
    | { readonly kind: 'scrapes'; readonly share: number }
    /** Neighbours on every node want this many cores, weighed by as large a request. */
    | { readonly kind: 'neighbours'; readonly cores: number }
    /** No node has room for another pod. */
    | { readonly kind: 'nodesFull' }
  );

export const DEFAULT_NAMESPACE = 'shop';

import type { Calls, Measures, Requests, StateRates, Windows } from '../core/measures.js';
import { completed } from '../core/recent.js';
import type { Edge, Samples } from '../core/round.js';
import {
  workloadKey,
  type Absent,
  type Peer,
  type Pod as PodObject,
  type Reading,
  type WorkloadKey,
} from '../core/types.js';
import { latencySignal } from '../promql/signals.js';
import * as at from './counters.js';
import { quantileOf } from './latency.js';
import type { Pod } from './pod.js';
import type { ServiceModel } from './scenario.js';
import type { Scrapes } from './scrape.js';
import type { Service } from './service.js';
import type { World } from './world.js';

/** Length of the windows of a round, seconds. */
export type WindowSeconds = Readonly<Record<keyof Windows, number>>;

/** The defaults of rule groups. */
const WINDOWS: WindowSeconds = { recent: 30, settled: 60 };
/** Least busy time by which shares are divided, as in the built-in signals. */
const MIN_BUSY = 0.01;

export function keyOf({ namespace, name }: Pick<ServiceModel, 'namespace' | 'name'>): WorkloadKey {
  return workloadKey({ namespace, kind: 'Deployment', name });
}

/** Rates of the counters of a service, summed over its pods. */
export interface Rates {
  readonly sums: Float64Array;
  readonly byPod: ReadonlyMap<Pod, Float64Array>;
}

/** What Prometheus would answer about the services of a world at a time. */
export class Prometheus {
  readonly #peers = new Map<string, { readonly peer: string; readonly to: Peer }>();

  constructor(private readonly world: World) {
    let index = 1;
    for (const { model } of world.services.values()) {
      const to: Peer = { type: 'workload', workload: keyOf(model) };
      this.#peers.set(model.name, { peer: `10.96.${index >> 8}.${index++ & 255}:80`, to });
    }
    for (const name of world.outside.keys()) {
      this.#peers.set(name, { peer: `203.0.113.${index++ & 255}:5432`, to: { type: 'external' } });
    }
  }

  /** Undefined without a pod that has two scrapes in the window. */
  rates({ pods, model }: Service, now: number, window: number): Rates | undefined {
    const visible = now - this.world.scenario.scrape.lag;
    const scraped = this.#scraped(model.name);
    const byPod = new Map<Pod, Float64Array>();
    let sums: Float64Array | undefined;
    for (const pod of pods) {
      const rates = new Float64Array(pod.counters.size);
      if (!scraped.get(pod)?.addRates(rates, now, window, visible)) continue;
      byPod.set(pod, rates);
      sums ??= new Float64Array(pod.counters.size);
      for (let index = 0; index < sums.length; index++) sums[index]! += rates[index]!;
    }
    return sums && { sums, byPod };
  }

  /** @param quantiles of the latency, for which to add a signal */
  samples(service: Service, now: number, quantiles: readonly number[], windows = WINDOWS): Samples {
    const { replicas, template, model } = service;
    const pods = service.pods.map((pod) => podObject(pod, model));
    if (this.world.prometheusIsDown) {
      const down: Absent = { absent: 'error', text: 'Prometheus cannot be reached' };
      const names = ['cpu', 'request', 'pods', ...quantiles.map(latencySignal)];
      const signals = Object.fromEntries(names.map((name) => [name, down]));
      return { replicas, template, pods, signals, edges: down, windows: { recent: down, settled: down } };
    }
    const { settled: window } = windows;
    const settled = this.rates(service, now, window);
    const timestamp = this.#newest(service, now);
    const measures = this.#measures(service, settled, window, now);
    const recent = this.rates(service, now, windows.recent);
    return {
      replicas,
      template,
      pods,
      signals: this.#signals(service, settled, { now, timestamp, window, quantiles }),
      podSignals: settled && byPod(settled),
      edges: settled ? this.#edges(service, settled, timestamp) : missing(),
      windows: {
        recent: completed(this.#measures(service, recent, windows.recent, now), measures),
        settled: measures,
      },
    };
  }

  #scraped(service: string): ReadonlyMap<Pod, Scrapes> {
    return this.world.scraped.get(service)!.pods;
  }

  #measures(service: Service, rates: Rates | undefined, window: number, now: number): Measures | Absent {
    if (!rates) return missing();
    const { sums, byPod } = rates;
    return {
      window,
      timestamp: this.#newest(service, now),
      pods: this.#measured(service, rates, window, now),
      states: statesOf(sums, 0),
      serving: statesOf(sums, at.SERVING),
      starved: sums[at.STARVED]! / byPod.size,
      requests: requestsOf(sums),
      calls: this.#calls(service, sums),
    };
  }

  #calls({ model }: Service, sums: Float64Array): Calls[] {
    return model.calls.map(({ to }, index) => {
      const rate = (counter: number): number => sums[at.PEERS + index * at.PEER_COUNTERS + counter]!;
      return {
        ...this.#peers.get(to)!,
        sent: rate(at.SENT),
        answered: rate(at.SENT_ANSWERED),
        waited: rate(at.WAITED),
        outstanding: rate(at.SENT_OUTSTANDING),
        abandoned: rate(at.SENT_ABANDONED),
        failed: rate(at.SENT_FAILED),
      };
    });
  }

  #edges(service: Service, { sums }: Rates, timestamp: number): Edge[] {
    return this.#calls(service, sums).map(({ peer, to, waited }) => ({
      peer,
      to,
      wait: { value: waited, timestamp },
    }));
  }

  #signals(
    service: Service,
    rates: Rates | undefined,
    when: { now: number; timestamp: number; window: number; quantiles: readonly number[] },
  ): Record<string, Reading> {
    const { now, timestamp, window, quantiles } = when;
    const { request, limit } = service.model;
    const reading = (value: number): Reading => ({ value, timestamp });
    const known = Number.isFinite(timestamp);
    const latencies = quantiles.map((quantile): [string, Reading] => {
      const value = rates ? quantileOf(rates.sums, quantile, at.LATENCY) : NaN;
      return [latencySignal(quantile), reading(value)];
    });
    return {
      request: known ? reading(request) : missing(),
      ...(limit !== undefined && known && { limit: reading(limit) }),
      pods: rates ? reading(this.#measured(service, rates, window, now)) : missing(),
      ...(rates ? sharesOf(statesOf(rates.sums, 0), reading) : { cpu: missing() }),
      ...(rates && Object.fromEntries(latencies)),
    };
  }

  /** Pods with a scrape before the window. */
  #measured({ model }: Service, { byPod }: Rates, window: number, now: number): number {
    const scraped = this.#scraped(model.name);
    return [...byPod.keys()].filter((pod) => scraped.get(pod)!.firstAt <= now - window).length;
  }

  #newest({ pods, model }: Service, now: number): number {
    const scraped = this.#scraped(model.name);
    const visible = now - this.world.scenario.scrape.lag;
    let newest = -Infinity;
    for (const pod of pods) {
      newest = Math.max(newest, scraped.get(pod)?.newest(visible) ?? -Infinity);
    }
    return newest;
  }
}

function missing(): Absent {
  return { absent: 'missing', text: 'no series' };
}

function statesOf(sums: Float64Array, first: number): StateRates {
  return Object.fromEntries(at.STATES.map((state, index) => [state, sums[first + index]!]));
}

function requestsOf(sums: Float64Array): Requests {
  return {
    arrived: sums[at.ARRIVED]!,
    answered: sums[at.ANSWERED]!,
    abandoned: sums[at.ABANDONED]!,
    dropped: sums[at.DROPPED]!,
    retried: sums[at.RETRIED]!,
    outstanding: sums[at.OUTSTANDING]!,
    served: sums[at.SERVED]!,
    thought: { requests: sums[at.THOUGHT]!, seconds: sums[at.THOUGHT_SECONDS]! },
  };
}

function sharesOf(states: StateRates, reading: (value: number) => Reading): Record<string, Reading> {
  const { idle = 0, sleep = 0, disk = 0, network = 0, lock = 0 } = states;
  const total = Object.values(states).reduce((sum, rate) => sum + rate, 0);
  const busy = Math.max(MIN_BUSY, total - idle - sleep);
  return {
    cpu: reading(states.oncpu ?? 0),
    blockio: reading(disk / busy),
    wait: reading(network / busy),
    lock: reading(lock / busy),
  };
}

function byPod({ byPod }: Rates): Record<string, ReadonlyMap<string, number>> {
  const values = (counter: number): Map<string, number> =>
    new Map([...byPod].map(([pod, rates]) => [pod.name, rates[counter]!]));
  return { cpu: values(at.ONCPU), starved: values(at.STARVED) };
}

function podObject(
  { name, startedAt, createdAt, ready, readySince, template }: Pod,
  { request }: ServiceModel,
): PodObject {
  return {
    name,
    phase: startedAt === undefined ? 'Pending' : 'Running',
    ready: ready ? 'True' : 'False',
    readySince,
    // Pods of the start have run since long before it.
    ...(startedAt !== undefined && { startedAt: Math.min(startedAt, createdAt) }),
    template: `v${template}`,
    deleted: false,
    containers: [{ name: 'server', request }],
  };
}

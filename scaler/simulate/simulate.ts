import { parseDuration } from '../../common/duration.js';
import { decideRound, explained } from '../core/decide-round.js';
import type { ExplainedDecision } from '../core/decision.js';
import type { WorkloadKey } from '../core/types.js';
import type { Assignment } from '../loop/assignments.js';
import { Histories } from '../loop/histories.js';
import { roundInput } from '../loop/round-input.js';
import type { SignalTable } from '../loop/signals.js';
import { serve, type PodModel, type Step, type Work } from './fluid.js';

/** Seconds per step of the model. */
const TICK = 1;
const PEER = 'peer';

/** A number that changes in steps, sorted by time. */
export type Profile = readonly { readonly from: number; readonly value: number }[];

/**
 * Parses steps such as `20 100@5m 20@15m`: 20 at first, 100 after five minutes, 20 after fifteen.
 *
 * @throws Error with a message for the user
 */
export function parseProfile(text: string): Profile {
  const steps = text
    .trim()
    .split(/[\s,]+/)
    .map((step) => {
      const [, value, at = '0s'] = /^(\d+(?:\.\d+)?)(?:@(\w+))?$/.exec(step) ?? [];
      if (value === undefined) throw new Error(`"${step}" is not a step; write steps like 20 100@5m 20@15m`);
      return { from: parseDuration(at), value: Number(value) };
    });
  const late = steps.findIndex(({ from }, index) =>
    index === 0 ? from > 0 : from <= steps[index - 1]!.from,
  );
  if (late === 0) throw new Error('the first step must start at 0: leave out its @');
  if (late > 0) throw new Error('every step must be later than the one before it');
  return steps;
}

/** @param at seconds since the start */
export function valueAt(profile: Profile, at: number): number {
  return profile.findLast(({ from }) => from <= at)?.value ?? 0;
}

interface Scenario {
  readonly assignment: Assignment;
  readonly work: Work;
  readonly pod: PodModel & {
    /** CPU request, cores. */
    readonly request: number;
    /** Seconds from a pod's creation until it serves. */
    readonly startup: number;
  };
  /** Requests per second. */
  readonly load: Profile;
  /** Values of custom signals: a profile, or the number of waiting requests. */
  readonly signals: Readonly<Record<string, Profile | 'backlog'>>;
  /** At the start. */
  readonly replicas: number;
  /** Seconds. */
  readonly length: number;
}

/** State of the model at a round, and the decision. */
export interface Round {
  /** Seconds since the start. */
  readonly at: number;
  readonly load: number;
  /** Pods that serve. */
  readonly ready: number;
  /** Step of the model that ends with the round. */
  readonly step: Step;
  readonly decision: ExplainedDecision;
}

/** Runs a rule against the model of a workload, round by round, with the code of the live loop. */
export function simulate(scenario: Scenario): Round[] {
  const { assignment, length, load } = scenario;
  const { key, rule } = assignment;
  const fleet = new Fleet(scenario);
  const histories = new Histories();
  const rounds: Round[] = [];
  for (let at = 0; at <= length; at += TICK) {
    const step = fleet.tick(at);
    if (at % assignment.group.interval >= TICK) continue;
    const observations = {
      signals: fleet.tables(at),
      resolve: () => undefined,
      replicas: () => fleet.replicas,
    };
    const input = roundInput(observations, new Map([[key, assignment]]), histories, [key]);
    const decision = explained(rule, decideRound(input, at).get(key)!);
    histories.set(key, rule, decision.history);
    rounds.push({ at, load: valueAt(load, at), ready: fleet.ready(at), step, decision });
    fleet.scaleTo(decision.replicas, at);
  }
  return rounds;
}

class Fleet {
  /** Creation times; the first pods count as long-running. */
  readonly #created: number[];
  readonly #steps: Step[] = [];

  constructor(private readonly scenario: Scenario) {
    this.#created = Array.from({ length: scenario.replicas }, () => -Infinity);
  }

  get replicas(): number {
    return this.#created.length;
  }

  ready(at: number): number {
    return this.#olderThan(this.scenario.pod.startup, at);
  }

  tick(at: number): Step {
    const { work, pod, load } = this.scenario;
    const backlog = this.#steps.at(-1)?.backlog ?? 0;
    const step = serve(work, pod, this.ready(at), valueAt(load, at), backlog, TICK);
    this.#steps.push(step);
    return step;
  }

  /** Deletes the youngest pods first. */
  scaleTo(replicas: number, at: number): void {
    while (this.#created.length < replicas) this.#created.push(at);
    this.#created.length = replicas;
  }

  /** Signals of the rule's group, as Prometheus would return them. */
  tables(at: number): Map<string, SignalTable> {
    const { group, key } = this.scenario.assignment;
    return new Map(
      Object.keys(group.signals).map((signal) => [signal, table(key, at, signal, this.#value(signal, at))]),
    );
  }

  #value(signal: string, at: number): number {
    const { pod, signals, assignment } = this.scenario;
    const window = assignment.rule.windows[signal] || TICK;
    const own = signals[signal];
    if (own === 'backlog') return this.#steps.at(-1)!.backlog;
    if (own) return valueAt(own, at);
    const { oncpu, throttled, disk, network, lock } = this.#mean(window);
    const share = (state: number): number =>
      state / Math.max(0.01, oncpu + throttled + disk + network + lock);
    switch (signal) {
      case 'cpu':
        return oncpu + throttled;
      case 'blockio':
        return share(disk);
      case 'wait':
        return share(network);
      case 'lock':
        return share(lock);
      case 'edges':
        return network;
      case 'request':
        return pod.request;
      case 'pods':
        return this.#olderThan(assignment.rule.windows['cpu'] ?? 0, at);
      default:
        return this.#latency(window);
    }
  }

  #mean(window: number): Step['states'] {
    const steps = this.#steps.slice(-Math.ceil(window / TICK));
    const mean = (state: keyof Step['states']): number =>
      steps.reduce((sum, { states }) => sum + states[state], 0) / steps.length;
    return {
      oncpu: mean('oncpu'),
      throttled: mean('throttled'),
      disk: mean('disk'),
      network: mean('network'),
      lock: mean('lock'),
      idle: mean('idle'),
    };
  }

  /** Longest latency in the window, because latencies of the model have no tail; NaN if no request was served. */
  #latency(window: number): number {
    const latencies = this.#steps.slice(-Math.ceil(window / TICK)).flatMap(({ latency }) => latency ?? []);
    return latencies.length === 0 ? NaN : Math.max(...latencies);
  }

  #olderThan(age: number, at: number): number {
    return this.#created.filter((created) => at - created >= age).length;
  }
}

function table(key: WorkloadKey, at: number, signal: string, value: number): SignalTable {
  const samples = [{ peer: signal === 'edges' ? PEER : '', value }];
  return {
    workloads: () => [key],
    samples: (workload) => (workload === key ? samples : []),
    scrapedAt: () => at,
  };
}

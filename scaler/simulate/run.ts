import type { Decision, WorkloadKey } from '../core/types.js';
import type { Assignment } from '../loop/assignments.js';
import { decideGroup } from '../loop/decide-group.js';
import { Histories } from '../loop/histories.js';
import type { SignalTable } from '../loop/signal-table.js';
import { serve, type PodModel, type Step, type Work } from './model.js';
import { valueAt, type Profile } from './profile.js';

/** Seconds; the load and the pods are looked at so often. */
const TICK = 1;
const PEER = 'peer';

export interface Scenario {
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
  /** Signals that are not of the built-in ones: a profile, or the requests that wait. */
  readonly signals: Readonly<Record<string, Profile | 'backlog'>>;
  /** At the beginning. */
  readonly replicas: number;
  /** Seconds. */
  readonly length: number;
}

/** What a round found, and decided. */
export interface Round {
  /** Seconds from the beginning. */
  readonly at: number;
  readonly load: number;
  /** Pods that serve. */
  readonly ready: number;
  /** Over the second before the round. */
  readonly step: Step;
  readonly decision: Decision;
}

/** Runs a rule against the model of a workload, round by round, with the code of the live loop. */
export function simulate(scenario: Scenario): Round[] {
  const { assignment, length, load } = scenario;
  const fleet = new Fleet(scenario);
  const histories = new Histories();
  const rounds: Round[] = [];
  for (let at = 0; at <= length; at += TICK) {
    const step = fleet.tick(at);
    if (at % assignment.group.interval >= TICK) continue;
    const [decided] = decideGroup([assignment], {
      assignments: new Map([[assignment.key, assignment]]),
      tables: fleet.tables(at),
      surroundings: { resolve: () => undefined, replicas: () => fleet.replicas },
      histories,
      known: () => true,
      now: at,
    });
    const { decision } = decided!;
    histories.set(assignment.key, assignment.rule, decision.history);
    rounds.push({ at, load: valueAt(load, at), ready: fleet.ready(at), step, decision });
    fleet.scaleTo(decision.replicas, at);
  }
  return rounds;
}

/** The pods of the workload, and what was measured on them. */
class Fleet {
  /** When each was created; those of the beginning have run for long. */
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

  /** The youngest go first. */
  scaleTo(replicas: number, at: number): void {
    while (this.#created.length < replicas) this.#created.push(at);
    this.#created.length = replicas;
  }

  /** The signals of the rule's group, as Prometheus would answer. */
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

  /** The longest of the window, since the model's latencies have no tail; NaN when nobody was served. */
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

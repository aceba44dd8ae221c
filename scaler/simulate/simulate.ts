import { decideRound, explained } from '../core/decide-round.js';
import type { ExplainedDecision } from '../core/decision.js';
import type { Samples } from '../core/round.js';
import type { Reading } from '../core/types.js';
import type { Assignment } from '../loop/assignments.js';
import { Histories } from '../loop/histories.js';
import type { Ledger } from './clients.js';
import { IDLE, STATES } from './counters.js';
import type { Pod } from './pod.js';
import { valueAt, type Profile } from './profile.js';
import { runWorld } from './run.js';
import { Prometheus } from './samples.js';
import type { Scenario, Threads } from './scenario.js';
import { constant } from './scenario-schema.js';
import type { Service } from './service.js';
import { World } from './world.js';

const CLIENT = 'client';
const PEER = 'peer';

/** One service under an open load, as the flags of `kernscale simulate` describe it. */
export interface Simulation {
  readonly assignment: Assignment;
  /** Time per request, in seconds; `lock` is a part of `cpu`, `wait` is spent on a peer of unlimited capacity. */
  readonly work: Readonly<Record<'cpu' | 'lock' | 'disk' | 'wait', number>>;
  readonly pod: {
    /** CPU request and limit, cores; without a limit undefined. */
    readonly request: number;
    readonly limit: number | undefined;
    readonly threads: Threads;
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
  readonly seed: number;
}

/** What happened since the round before. */
export interface Step {
  /** Mean number of threads of all pods in each state. */
  readonly states: Readonly<Record<string, number>>;
  /** Requests per second that were answered. */
  readonly served: number;
  /** Requests that wait for a thread at the end. */
  readonly backlog: number;
  /** Mean of those that were answered, seconds; undefined without one. */
  readonly latency: number | undefined;
}

/** State of the model at a round, and the decision. */
export interface Round {
  /** Seconds since the start. */
  readonly at: number;
  readonly load: number;
  /** Pods that serve. */
  readonly ready: number;
  readonly step: Step;
  readonly decision: ExplainedDecision;
}

export interface Simulated {
  readonly rounds: readonly Round[];
  /** The part of the requests that had a response by the end, 0..1. */
  readonly answered: number;
  /** Of the request that waited longest for its answer, seconds. */
  readonly worstLatency: number;
}

/** Runs a rule against the simulation of a workload, round by round, with the code of the live loop. */
export function simulate(simulation: Simulation): Simulated {
  const { assignment, load } = simulation;
  const { key, rule, group } = assignment;
  const scenario = scenarioOf(simulation);
  const world = new World(scenario);
  const { name } = scenario.services[0]!;
  const service = world.services.get(name)!;
  const ledger = world.ledgers.get(CLIENT)!;
  const prometheus = new Prometheus(world);
  const stopwatch = new Stopwatch(() => world.scraped.get(name)!.pods.keys(), service, ledger);
  const histories = new Histories();
  const rounds: Round[] = [];
  const decide = (_: unknown, now: number): Map<string, number> => {
    const samples = samplesOf(simulation, prometheus, service, now);
    const workloads = new Map([[key, { rule, samples, history: histories.get(key, rule) }]]);
    const decision = explained(rule, decideRound({ workloads, targets: [key] }, now).get(key)!);
    histories.set(key, rule, decision.history);
    const { ready } = service;
    rounds.push({ at: now, load: valueAt(load, now), ready, step: stopwatch.step(now), decision });
    return new Map([[name, decision.replicas]]);
  };
  runWorld(world, { name: 'kernscale', interval: group.interval, decide });
  const sent = ledger.outcome.sent.reduce((sum, count) => sum + count, 0);
  return { rounds, answered: sent === 0 ? 1 : ledger.answered / sent, worstLatency: ledger.longest };
}

function scenarioOf({ assignment, work, pod, load, replicas, length, seed }: Simulation): Scenario {
  const { namespace, name } = assignment.rule.scaleTargetRef;
  const { cpu, lock, disk, wait } = work;
  const spread = (mean: number) => (mean > 0 ? constant(mean) : undefined);
  const call = { to: PEER, probability: 1, times: 1, retries: 0 };
  return {
    name,
    seed,
    length,
    services: [
      {
        name,
        namespace,
        replicas,
        ...pod,
        cores: Math.max(8, pod.limit ?? pod.request),
        backlog: Infinity,
        startupCpu: 0,
        work: { cpu: constant(Math.max(0, cpu - lock)), lock: spread(lock), disk: spread(disk) },
        calls: wait > 0 ? [call] : [],
        order: 'sequence',
        abandoned: 'work',
        background: [],
      },
    ],
    outside: [{ name: PEER, time: constant(wait) }],
    clients: [
      {
        name: CLIENT,
        to: name,
        kind: 'open',
        load,
        arrivals: 'poisson',
        batch: 1,
        think: constant(0),
        keepAlive: true,
        retries: 0,
        objective: { latency: Infinity, quantile: 1 },
      },
    ],
    faults: [],
    scrape: { interval: 15, lag: 1 },
    bucket: length,
  };
}

/** Signals of the rule's group, and of the pods, as the live loop would have them. */
function samplesOf(
  { assignment, signals: own }: Simulation,
  prometheus: Prometheus,
  service: Service,
  now: number,
): Samples {
  const { rule, group } = assignment;
  const quantiles = rule.objective ? [rule.objective.quantile] : [];
  const windows = { recent: group.windows.recent.seconds, settled: group.windows.settled.seconds };
  const samples = prometheus.samples(service, now, quantiles, windows);
  const custom = Object.entries(own).map(([name, values]): [string, Reading] => {
    const value = values === 'backlog' ? service.waiting : valueAt(values, now);
    return [name, { value, timestamp: now }];
  });
  const byPod = Object.keys(group.podSignals).length > 0;
  return {
    ...samples,
    signals: { ...samples.signals, ...Object.fromEntries(custom) },
    podSignals: byPod ? samples.podSignals : undefined,
  };
}

/** Means from round to round. */
class Stopwatch {
  #at = 0;
  #seconds = 0;
  #answered = 0;
  #counters = new Map<Pod, Float64Array>();

  constructor(
    private readonly pods: () => Iterable<Pod>,
    private readonly service: Service,
    private readonly ledger: Ledger,
  ) {}

  step(now: number): Step {
    const { answered, seconds } = this.ledger;
    const elapsed = now - this.#at;
    const count = answered - this.#answered;
    const step = {
      states: this.#states(now, elapsed),
      served: elapsed > 0 ? count / elapsed : 0,
      backlog: this.service.waiting,
      latency: count > 0 ? (seconds - this.#seconds) / count : undefined,
    };
    this.#at = now;
    this.#seconds = seconds;
    this.#answered = answered;
    return step;
  }

  #states(now: number, elapsed: number): Record<string, number> {
    const sums = new Float64Array(STATES.length);
    const counters = new Map<Pod, Float64Array>();
    for (const pod of this.pods()) {
      const values = new Float64Array(pod.counters.size);
      pod.read(values, now);
      const before = this.#counters.get(pod);
      for (let state = 0; state <= IDLE; state++) sums[state]! += values[state]! - (before?.[state] ?? 0);
      counters.set(pod, values);
    }
    this.#counters = counters;
    return Object.fromEntries(
      STATES.flatMap((state, index) =>
        SHOWN.has(state) ? [[state, elapsed > 0 ? sums[index]! / elapsed : 0]] : [],
      ),
    );
  }
}

/** States that the model has. */
const SHOWN: ReadonlySet<string> = new Set([
  'oncpu',
  'runqueue',
  'throttled',
  'disk',
  'network',
  'lock',
  'idle',
]);

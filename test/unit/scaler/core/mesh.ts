import { decideRound } from '../../../../scaler/core/decide-round.js';
import type { Decision } from '../../../../scaler/core/decision.js';
import type { Measures } from '../../../../scaler/core/measures.js';
import { EMPTY_HISTORY, type History } from '../../../../scaler/core/round.js';
import type { Peer, Reading, Rule, WorkloadKey } from '../../../../scaler/core/types.js';
import { fillBehavior } from '../../../../scaler/rules/defaults.js';
import { keyOf, ruleFor } from './fixtures.js';

const SETTLED = 60;
const RECENT = 30;
/** Seconds between two rounds. */
export const INTERVAL = 10;

/** As rules are by default: growth by CPU demand is not rationed. */
const AT_ONCE = fillBehavior({ scaleUp: { policies: [{ type: 'Pods', value: 1000, periodSeconds: 15 }] } });

/** What a service does, as its counters would show it; rates per second. */
export interface Doing {
  readonly answered: number;
  /** Pods that are measured; default: all. */
  readonly pods?: number;
  /** Default: as many as are answered. */
  readonly arrived?: number;
  readonly abandoned?: number;
  /** CPU seconds of one answer. */
  readonly cost: number;
  /** Seconds of one answer; default: its parts. */
  readonly latency?: number;
  /** Seconds per answer on a disk, and waiting for a lock. */
  readonly disk?: number;
  readonly lock?: number;
  /** Threads that wait for a CPU beyond those that have one. */
  readonly waiting?: number;
  /** 0..1 */
  readonly starved?: number;
  /** Requests that wait; default: by Little's law. */
  readonly outstanding?: number;
  readonly thought?: { readonly requests: number; readonly seconds: number };
  /** Cores that threads use that serve nothing. */
  readonly beside?: number;
  readonly calls?: readonly Call[];
}

export interface Call {
  /** Name of a service, or `ip:port` outside. */
  readonly to: string;
  /** Calls per answer. */
  readonly ratio?: number;
  /** Seconds. */
  readonly wait: number;
  /** Calls per second that are answered; default: all that are sent. */
  readonly answered?: number;
  /** Calls per second, in place of a ratio. */
  readonly sent?: number;
  readonly outstanding?: number;
  readonly failed?: number;
}

interface Service {
  rule: Rule;
  replicas: number;
  history: History;
  request: number;
  limit: number | undefined;
  decision?: Decision;
}

/** Services whose rounds are decided from what they are said to do; replicas follow at once. */
export class Mesh {
  readonly #services = new Map<WorkloadKey, Service>();
  now = 1_700_000_000;

  add(
    name: string,
    {
      replicas = 2,
      request = 0.5,
      limit,
      ...rule
    }: { replicas?: number; request?: number; limit?: number } & Partial<Rule> = {},
  ): this {
    this.#services.set(keyOf(name), {
      rule: ruleFor(name, { maxReplicas: 100, behavior: AT_ONCE, ...rule }),
      replicas,
      history: EMPTY_HISTORY,
      request,
      limit,
    });
    return this;
  }

  /** Runs rounds for a number of seconds; returns the last decisions by name. */
  run(
    seconds: number,
    doing: Readonly<Record<string, Doing | ((pods: number) => Doing)>>,
  ): Record<string, Decision> {
    const end = this.now + seconds;
    let decisions: Record<string, Decision> = {};
    for (; this.now < end; this.now += INTERVAL) decisions = this.#round(doing);
    return decisions;
  }

  replicas(name: string): number {
    return this.#services.get(keyOf(name))!.replicas;
  }

  history(name: string): History {
    return this.#services.get(keyOf(name))!.history;
  }

  #round(doing: Readonly<Record<string, Doing | ((pods: number) => Doing)>>): Record<string, Decision> {
    const workloads = new Map(
      Object.entries(doing).map(([name, does]) => {
        const { rule, replicas, history, request, limit } = this.#services.get(keyOf(name))!;
        const done = typeof does === 'function' ? does(replicas) : does;
        const at = (value: number): Reading => ({ value, timestamp: this.now });
        const samples = {
          replicas,
          edges: [],
          signals: {
            cpu: at(done.answered * done.cost + (done.beside ?? 0)),
            request: at(request),
            pods: at(done.pods ?? replicas),
            ...(limit !== undefined && { limit: at(limit) }),
          },
          windows: {
            recent: measuresOf(done, done.pods ?? replicas, RECENT, this.now),
            settled: measuresOf(done, done.pods ?? replicas, SETTLED, this.now),
          },
        };
        return [keyOf(name), { rule, samples, history }] as const;
      }),
    );
    const decided = decideRound({ workloads, targets: [...workloads.keys()] }, this.now);
    const byName: Record<string, Decision> = {};
    for (const [key, decision] of decided) {
      const service = this.#services.get(key)!;
      service.history = decision.history;
      service.replicas = decision.replicas;
      service.decision = decision;
      byName[service.rule.scale] = decision;
    }
    return byName;
  }
}

function measuresOf(done: Doing, pods: number, window: number, timestamp: number): Measures {
  const {
    answered,
    cost,
    arrived = answered,
    abandoned = 0,
    disk = 0,
    lock = 0,
    waiting = 0,
    beside = 0,
  } = done;
  const calls = (done.calls ?? []).map((call) => callOf(call, answered));
  const peers = calls.reduce((sum, { outstanding }) => sum + outstanding, 0);
  const oncpu = answered * cost;
  const inService = oncpu + answered * (disk + lock) + peers;
  const latency = done.latency ?? (answered > 0 ? (inService + waiting) / answered : 0);
  const outstanding = done.outstanding ?? answered * latency;
  const states = {
    oncpu: oncpu + beside,
    runqueue: waiting,
    disk: answered * disk,
    lock: answered * lock,
    network: peers,
  };
  return {
    window,
    timestamp,
    pods,
    states,
    serving: { ...states, oncpu },
    starved: done.starved ?? 0,
    requests: {
      arrived,
      answered,
      abandoned,
      dropped: 0,
      retried: 0,
      outstanding,
      served: answered * latency,
      thought: done.thought ?? { requests: 0, seconds: 0 },
    },
    calls,
  };
}

function callOf({ to, ratio = 1, wait, answered, sent, outstanding, failed = 0 }: Call, requests: number) {
  const total = sent ?? ratio * requests;
  const replied = answered ?? total;
  const peer: Peer = to.includes(':') ? { type: 'external' } : { type: 'workload', workload: keyOf(to) };
  return {
    peer: to.includes(':') ? to : `10.0.0.${to.length}:80`,
    to: peer,
    sent: total,
    answered: replied,
    waited: replied * wait,
    outstanding: outstanding ?? total * wait,
    abandoned: 0,
    failed,
  };
}

import { explain } from '../../../../scaler/core/explain.js';
import type {
  Candidate,
  DemandTrace,
  ExplainedDecision,
  HarmTrace,
  Part,
  Sign,
  StagesTrace,
  StepTrace,
  Unexplained,
} from '../../../../scaler/core/decision.js';
import { EMPTY_HISTORY, type Rule, type StepAction } from '../../../../scaler/core/types.js';
import { keyOf, NOW, ruleFor } from './fixtures.js';

/** Pods that request 0.1 cores, sized to 70 % of it. */
export const RULE: Rule = ruleFor('web');
export const DB = '10.0.0.9:5432';

/** A decision that was not made but written down: what the words are about, without the arithmetic of the core. */
export type Made = Partial<Omit<Unexplained, 'rule'>> & { readonly rule?: Rule; readonly replicas?: number };

/** Decision of `replicas` from `currentReplicas`, by a demand of `cores` and a target of 0.07 cores per pod. */
export function decisionOf(made: Made): ExplainedDecision {
  const { rule = RULE, currentReplicas = 2, replicas = currentReplicas, ...changes } = made;
  const cores = made.demand?.cores ?? 0.1;
  const targetPerPod = 0.07;
  const needed = Math.max(1, Math.ceil(cores / targetPerPod - 1e-9), made.demand?.threads?.replicas ?? 0);
  const unexplained: Unexplained = {
    workload: keyOf('web'),
    rule: 'web',
    at: NOW,
    currentReplicas,
    inputs: [],
    steps: [],
    sizing: {
      signal: 'cpu',
      demand: cores,
      targetPerPod,
      ratio: cores / (targetPerPod * currentReplicas),
      replicas: needed,
    },
    noScaleDown: [],
    stages: stagesOf(needed, replicas),
    bindingConstraint: 'none',
    class: 'none',
    action: 'scale',
    ...changes,
  };
  const { class: workloadClass, action, ...trace } = unexplained;
  const { reason, wouldChange } = explain(rule, unexplained);
  return {
    replicas,
    class: workloadClass,
    action,
    reason,
    trace: { ...trace, wouldChange },
    history: EMPTY_HISTORY,
    historyIfNotApplied: EMPTY_HISTORY,
  };
}

function stagesOf(needed: number, replicas: number): StagesTrace {
  return {
    raw: needed,
    tolerance: needed,
    
    floor: needed,
    stabilized: needed,
    rateLimited: replicas,
    clamped: replicas,
  };
}

/** A demand by the law: `load` requests per second of 10.2 ms each. */
export function demandOf(load: number, changes: Partial<DemandTrace> = {}): DemandTrace {
  const cost = { now: 0.0102, usual: 0.0102, sized: 0.0102 };
  const { backlog = 0, beside = 0 } = changes;
  return {
    method: 'law',
    cores: load * cost.sized + backlog + beside,
    confidence: 'high',
    arrived: load,
    answered: load,
    abandoned: 0,
    load,
    cost,
    ...changes,
  };
}

/** A part of a request by its time now and the usual one, in milliseconds. */
export function part(name: string, now: number, usual?: number): Part {
  const isPeer = name.includes('/') || name.includes(':');
  return { name, isPeer, now: now / 1000, ...(usual === undefined ? {} : { usual: usual / 1000 }) };
}

/** Harm for 40 s by a request of these parts, slower than usual. */
export function harmOf(
  cause: string | undefined,
  parts: Part[],
  changes: Partial<HarmTrace> = {},
): HarmTrace {
  const sum = (pick: (it: Part) => number) => parts.reduce((total, it) => total + pick(it), 0);
  const latency = { now: sum(({ now }) => now), usual: sum(({ usual = 0 }) => usual) };
  const slow: Sign = { kind: 'latency', value: latency.now, limit: 2 * latency.usual, usual: latency.usual };
  return {
    harmed: true,
    since: NOW - 40,
    signs: [slow],
    ...(cause === undefined ? {} : { cause }),
    parts,
    latency,
    protectedBy: [],
    ...changes,
  };
}

export function healthy(parts: Part[], changes: Partial<HarmTrace> = {}): HarmTrace {
  return harmOf(undefined, parts, { harmed: false, since: undefined, signs: [], ...changes });
}

/** A step that matched because its class is the cause of harm. */
export function byHarm(bound: string, action: StepAction): Pick<Unexplained, 'class' | 'action' | 'steps'> {
  const step: StepTrace = { class: bound, action, outcome: 'matched', evidence: [] };
  return { class: bound, action, steps: [step] };
}

/** The walk to the last of these peers. */
export function walkTo(
  candidate: Omit<Candidate, 'path' | 'share'>,
  ...between: string[]
): Pick<Unexplained, 'walk'> {
  const path = [keyOf('web'), ...between, candidate.peer];
  const bottleneck = { ...candidate, path, share: 1 };
  return { walk: { path, bottleneck, confidence: 1, explained: false, rejected: [] } };
}

/** A workload; its decision; the reason; when it would change. */
export type TraceCase = readonly [what: string, made: Made, reason: string, wouldChange: string];

export const ORDERS = keyOf('orders');
/** Parts of requests, in milliseconds: at their usual pace, and slowed by a disk and by a peer. */
export const AS_USUAL = [part('cpu', 10, 10), part('disk', 2, 2)];
export const ON_DISK = [part('disk', 180, 12), part('cpu', 30, 20)];
export const ON_ORDERS = [part(ORDERS, 190, 9.5), part('cpu', 20, 18)];

import { decideRound, explained } from '../../../../scaler/core/decide-round.js';
import type { ExplainedDecision } from '../../../../scaler/core/decision.js';
import {
  EMPTY_HISTORY,
  type Edge,
  type History,
  type Samples,
  type WorkloadInput,
} from '../../../../scaler/core/round.js';
import {
  workloadKey,
  type Pod,
  type Reading,
  type Rule,
  type WorkloadKey,
} from '../../../../scaler/core/types.js';
import { DEFAULT_HARM, fillBehavior, fillDecide } from '../../../../scaler/rules/defaults.js';

export const NOW = 1_700_000_000;

export function keyOf(name: string): WorkloadKey {
  return workloadKey({ namespace: 'shop', kind: 'Deployment', name });
}

/** The shortest useful rule, its defaults filled in. */
export function ruleFor(name: string, changes: Partial<Rule> = {}): Rule {
  const target = changes.target ?? { signal: 'cpu', averageUtilization: 70 };
  return {
    scale: name,
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name },
    minReplicas: 1,
    maxReplicas: 20,
    target,
    harm: DEFAULT_HARM,
    decide: fillDecide(undefined, target),
    behavior: fillBehavior(undefined),
    maxAge: { cpu: 45, request: 45, pods: 45, blockio: 45, wait: 45, lock: 45, edges: 45 },
    windows: {},
    dryRun: false,
    labels: {},
    annotations: {},
    ...changes,
  };
}

export function at(value: number, timestamp = NOW): Reading {
  return { value, timestamp };
}

/** A healthy workload of two pods that request a core each, at its target: 0.7 of it. */
export function samplesOf(changes: Partial<Samples> = {}, signals: Record<string, Reading> = {}): Samples {
  return {
    replicas: 2,
    edges: [],
    ...changes,
    signals: {
      cpu: at(1.4),
      request: at(1),
      pods: at(changes.replicas ?? 2),
      blockio: at(0),
      wait: at(0),
      lock: at(0),
      ...signals,
    },
  };
}

/** A ready pod that has run for an hour and requests 0.2 cores. */
export function pod(name: string, changes: Partial<Pod> = {}): Pod {
  return {
    name,
    phase: 'Running',
    ready: 'True',
    startedAt: NOW - 3600,
    readySince: NOW - 3590,
    deleted: false,
    containers: [{ name: 'app', request: 0.2 }],
    ...changes,
  };
}

export function edgeTo(name: string, seconds: number): Edge {
  return {
    peer: `10.0.0.${name.length}:80`,
    to: { type: 'workload', workload: keyOf(name) },
    wait: at(seconds),
  };
}

export function workload(
  name: string,
  samples: Samples,
  rule: Rule | undefined = ruleFor(name),
): [WorkloadKey, WorkloadInput] {
  return [keyOf(name), { rule, samples, history: EMPTY_HISTORY }];
}

/** A workload that has waited on its peers for longer than its rule requires. */
export function waiter(name: string, ...edges: Edge[]): [WorkloadKey, WorkloadInput] {
  const { signals } = samplesOf({}, { wait: at(0.9), cpu: at(0.2) });
  const samples = { replicas: 2, signals, edges };
  const history = { ...EMPTY_HISTORY, steps: { '2:dependency': { since: NOW - 60 } } };
  return [keyOf(name), { rule: ruleFor(name), samples, history }];
}

/** Decides on a workload in a round with others. */
export function decideAmong(
  others: Iterable<[WorkloadKey, WorkloadInput]>,
  rule: Rule,
  samples: Samples,
  history: History,
  now: number,
): ExplainedDecision {
  const key = keyOf(rule.scale);
  const workloads = new Map([...others, [key, { rule, samples, history }]]);
  return explained(rule, decideRound({ workloads, targets: [key] }, now).get(key)!);
}

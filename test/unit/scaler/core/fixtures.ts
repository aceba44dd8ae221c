import {
  EMPTY_HISTORY,
  workloadKey,
  type Edge,
  type Neighbour,
  type Reading,
  type Rule,
  type Samples,
  type WorkloadKey,
} from '../../../../scaler/core/types.js';
import { fillBehavior, fillDecide } from '../../../../scaler/rules/defaults.js';

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
    neighbourhood: new Map(),
    waitedOnBy: [],
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

export function edgeTo(name: string, seconds: number): Edge {
  return {
    peer: `10.0.0.${name.length}:80`,
    to: { type: 'workload', workload: keyOf(name) },
    wait: at(seconds),
  };
}

export function neighbour(
  name: string,
  samples: Samples,
  rule: Rule | undefined = ruleFor(name),
): [WorkloadKey, Neighbour] {
  const { replicas, signals, edges } = samples;
  return [keyOf(name), { rule, samples: { replicas, signals, edges }, history: EMPTY_HISTORY }];
}

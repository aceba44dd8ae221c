import { decide } from '../../../../scaler/core/decide-round.js';
import type { ExplainedDecision } from '../../../../scaler/core/decision.js';
import {
  EMPTY_HISTORY,
  type History,
  type Pod,
  type Reading,
  type Rule,
  type Samples,
} from '../../../../scaler/core/types.js';
import { fillBehavior } from '../../../../scaler/rules/defaults.js';
import { at, NOW, pod, ruleFor, samplesOf } from './fixtures.js';

export const NO_SERIES: Reading = { absent: 'missing', text: 'no series' };

/** Pods with a CPU request of 0.2 cores, sized to 70 % of it: 0.14 cores each. */
export const SMALL = ruleFor('web', { target: { signal: 'cpu', averageUtilization: 70 } });
export const AT_ONCE = fillBehavior({ scaleDown: { stabilizationWindowSeconds: 0 } });
export const HISTORY: History = { ...EMPTY_HISTORY, recommendations: [{ replicas: 1, at: NOW - 10 }] };

export function small(replicas: number, cpu: number, signals: Record<string, Reading> = {}): Samples {
  return samplesOf({ replicas }, { cpu: at(cpu), request: at(0.2), ...signals });
}

/** Pods that have run for an hour; those without a value have no sample. */
export function pods(
  values: readonly (number | undefined)[],
  changes: readonly Partial<Pod>[] = [],
): Samples {
  const all = values.map((_, index) => pod(`p${index}`, changes[index]));
  const cpu = values.flatMap((value, index) => (value === undefined ? [] : [[`p${index}`, value] as const]));
  const total = cpu.reduce((sum, [, value]) => sum + value, 0);
  const samples = samplesOf({ replicas: values.length }, { cpu: at(total), request: at(0.2) });
  return { ...samples, pods: all, podSignals: { cpu: new Map(cpu), starved: new Map() } };
}

const OBJECTIVE = { latency: 0.05, quantile: 0.99, signal: 'p99' };
export function on(samples: Samples, changes: Partial<Rule> = {}, history = HISTORY): ExplainedDecision {
  return decide({ ...SMALL, ...changes }, samples, history, NOW);
}

const policy = (type: 'Pods' | 'Percent', value: number) => ({
  stabilizationWindowSeconds: 0,
  policies: [{ type, value, periodSeconds: 15 }],
});

/** Behaviour of a workload; its decision; constraint, class and replicas; the reason; when it would change. */
export type Case = readonly [
  what: string,
  decision: () => ExplainedDecision,
  outcome: string,
  reason: string,
  wouldChange: string,
];

export const SIZED: readonly Case[] = [
  [
    'grows to its demand',
    () => on(small(4, 1.01)),
    'none cpu 4 → 8',
    'CPU demand 1.01 cores; 4 pods × 0.14-core target = 0.56 (1.8×). 8 replicas needed',
    'CPU demand is above 1.25 cores or below 0.98 cores',
  ],
  [
    'grows as far as the policy allows',
    () => on(small(4, 1.01), { behavior: fillBehavior({ scaleUp: policy('Pods', 1) }) }),
    'scaleUpLimit cpu 4 → 5',
    'CPU demand 1.01 cores; 4 pods × 0.14-core target = 0.56 (1.8×). 8 replicas needed, scaleUp policy allows 5 now',
    'the period of the scaleUp policy ends',
  ],
  [
    'has scale-up disabled',
    () => on(small(4, 1.01), { behavior: fillBehavior({ scaleUp: { selectPolicy: 'Disabled' } }) }),
    'scaleUpLimit cpu 4 → 4',
    'CPU demand 1.01 cores; 4 pods × 0.14-core target = 0.56 (1.8×). 8 replicas needed, but scaleUp is disabled',
    'scaleUp is enabled',
  ],
  [
    'at most doubles without behavior',
    () => on(small(4, 2), { behavior: null }),
    'scaleUpLimit cpu 4 → 8',
    'CPU demand 2 cores; 4 pods × 0.14-core target = 0.56 (3.6×). 15 replicas needed, but replicas at most double, to 8 now',
    'the next round doubles the replicas again',
  ],
  [
    'grows to maxReplicas',
    () => on(small(4, 1.01), { maxReplicas: 6 }),
    'maxReplicas cpu 4 → 6',
    'CPU demand 1.01 cores; 4 pods × 0.14-core target = 0.56 (1.8×). 8 replicas needed, maxReplicas is 6',
    'maxReplicas changes, or CPU demand is below 0.7 cores',
  ],
  [
    'shrinks',
    () => on(small(4, 0.25), { behavior: AT_ONCE }),
    'none none 4 → 2',
    'CPU demand 0.25 cores; 4 pods × 0.14-core target = 0.56 (0.45×). 2 replicas needed',
    'CPU demand is above 0.312 cores or below 0.14 cores',
  ],
  [
    'shrinks as far as the policy allows',
    () => on(small(4, 0.25), { behavior: fillBehavior({ scaleDown: policy('Pods', 1) }) }),
    'scaleDownLimit none 4 → 3',
    'CPU demand 0.25 cores; 4 pods × 0.14-core target = 0.56 (0.45×). 2 replicas needed, scaleDown policy allows 3 now',
    'the period of the scaleDown policy ends',
  ],
  [
    'shrinks to minReplicas',
    () => on(small(4, 0.25), { minReplicas: 3, behavior: AT_ONCE }),
    'minReplicas none 4 → 3',
    'CPU demand 0.25 cores; 4 pods × 0.14-core target = 0.56 (0.45×). 2 replicas needed, minReplicas is 3',
    'minReplicas changes, or CPU demand is above 0.468 cores',
  ],
  [
    'is idle at minReplicas',
    () => on(small(2, 0), { minReplicas: 2, behavior: AT_ONCE }),
    'minReplicas none 2 → 2',
    'Idle (0 cores; target 0.14 per pod). At minReplicas (2)',
    'minReplicas changes, or CPU demand is above 0.312 cores',
  ],
  [
    'is almost idle',
    () => on(small(1, 0.001), { behavior: AT_ONCE }),
    'minReplicas none 1 → 1',
    'Idle (0.001 cores; target 0.14 per pod). At minReplicas (1)',
    'minReplicas changes, or CPU demand is above 0.156 cores',
  ],
  [
    'has become idle',
    () => on(small(4, 0), {}, { ...HISTORY, recommendations: [{ replicas: 4, at: NOW - 60 }] }),
    'stabilization none 4 → 4',
    'Idle (0 cores; target 0.14 per pod). 4 or more replicas were needed in the last 300 s',
    'demand stays low for the 300 s window',
  ],
  [
    'waits for the window before it shrinks',
    () => on(small(4, 0.25), {}, { ...HISTORY, recommendations: [{ replicas: 3, at: NOW - 60 }] }),
    'stabilization none 4 → 3',
    'CPU demand 0.25 cores; 4 pods × 0.14-core target = 0.56 (0.45×). 2 replicas needed now, but 3 or more were needed in the last 300 s',
    'demand stays low for the 300 s window',
  ],
  [
    'waits for the window before it grows',
    () => on(small(4, 1.01), { behavior: fillBehavior({ scaleUp: { stabilizationWindowSeconds: 180 } }) }),
    'stabilization cpu 4 → 4',
    'CPU demand 1.01 cores; 4 pods × 0.14-core target = 0.56 (1.8×). 8 replicas needed now, but no more than 4 throughout the last 180 s',
    'demand stays high for the 180 s window',
  ],
  [
    'is within the tolerance',
    () => on(small(4, 0.6)),
    'tolerance cpu 4 → 4',
    'CPU demand 0.6 cores; 4 pods × 0.14-core target = 0.56 (1.07×), within the 10 % tolerance',
    'CPU demand is above 0.624 cores or below 0.42 cores',
  ],
  [
    'needs its current replicas',
    () => on(small(2, 0.16)),
    'none none 2 → 2',
    'CPU demand 0.16 cores; 2 pods × 0.14-core target = 0.28 (0.57×). 2 replicas still needed',
    'CPU demand is above 0.312 cores or below 0.14 cores',
  ],
  [
    'is below its range',
    () => on(small(1, 0.14), { minReplicas: 3 }),
    'minReplicas none 1 → 3',
    'Below minReplicas (3)',
    'minReplicas changes, or CPU demand is above 0.468 cores',
  ],
  [
    'is above its range',
    () => on(small(9, 0.14), { maxReplicas: 5 }),
    'maxReplicas none 9 → 5',
    'Above maxReplicas (5)',
    'maxReplicas changes, or CPU demand is below 0.56 cores',
  ],
  [
    'is at zero',
    () => on(small(0, 0)),
    'scalingDisabled none 0 → 0',
    'At 0 replicas scaling is off; set replicas by hand to turn it on',
    'replicas are set above 0 by hand',
  ],
  [
    'misses its objective, and grows',
    () => on(small(4, 1.01, { p99: at(0.08) }), { objective: OBJECTIVE }),
    'none cpu 4 → 8',
    'CPU demand 1.01 cores; 4 pods × 0.14-core target = 0.56 (1.8×). 8 replicas needed; p99 latency 80 ms misses the 50 ms objective',
    'CPU demand is above 1.25 cores or below 0.98 cores',
  ],
  [
    'misses its objective, and does not shrink',
    () => on(small(4, 0.25, { p99: at(0.08) }), { behavior: AT_ONCE, objective: OBJECTIVE }),
    'noScaleDown none 4 → 4',
    '2 replicas would be enough, but p99 latency 80 ms misses the 50 ms objective, so nothing is removed',
    'latency is within 50 ms',
  ],
  [
    'grows while its latency is unknown',
    () => on(small(4, 1.01, { p99: NO_SERIES }), { objective: OBJECTIVE }),
    'none cpu 4 → 8',
    'CPU demand 1.01 cores; 4 pods × 0.14-core target = 0.56 (1.8×). 8 replicas needed; p99 latency is unknown, so the 50 ms objective is ignored',
    'CPU demand is above 1.25 cores or below 0.98 cores',
  ],
];

import { expect } from 'chai';
import { decide } from '../../scaler/core/decide-round.js';
import { EMPTY_HISTORY, type History } from '../../scaler/core/round.js';
import type { Reading, Target } from '../../scaler/core/types.js';
import { fillBehavior } from '../../scaler/rules/defaults.js';
import { at, NOW, ruleFor, samplesOf } from '../unit/scaler/core/fixtures.js';

/**
 * What HPA v2 does with several metrics, from its published algorithm: computeReplicasForMetrics in
 * kubernetes/pkg/controller/podautoscaler/horizontal.go. Each valid metric proposes replicas, those of it within the
 * tolerance the current ones; the first of the largest counts. Where some metrics are invalid, a proposal below the current
 * replicas is an error, which keeps them; where all are, so it is. `-` is an invalid metric. Every target is 10 per pod.
 */
const ROWS: readonly [
  current: number,
  values: readonly (number | '-')[],
  replicas: number,
  winner: string | undefined,
][] = [
  [4, [80], 8, 'm0'],
  [4, [80, 50], 8, 'm0'],
  [4, [50, 80], 8, 'm1'],
  [4, [80, 80], 8, 'm0'],
  [4, [50, 80, 120], 12, 'm2'],
  // Within the tolerance of 0.1 a metric proposes the current replicas.
  [4, [42, 43], 4, 'm0'],
  [4, [42, 20], 4, 'm0'],
  [4, [20, 42], 4, 'm1'],
  [4, [36, 44, 10], 4, 'm0'],
  // All below: the largest of the lower proposals.
  [8, [20, 30], 3, 'm1'],
  [8, [30, 20, 25], 3, 'm0'],
  [8, [30, 21], 3, 'm0'],
  // Some invalid: up by the others, never down.
  [4, ['-', 80], 8, 'm1'],
  [4, [80, '-'], 8, 'm0'],
  [4, ['-', 80, 120], 12, 'm2'],
  [8, ['-', 20], 8, 'm1'],
  [8, [20, '-'], 8, 'm0'],
  [8, ['-', 20, 120], 12, 'm2'],
  [8, ['-', 20, 30], 8, 'm2'],
  [4, ['-', 42], 4, 'm1'],
  // All invalid.
  [4, ['-'], 4, undefined],
  [4, ['-', '-'], 4, undefined],
  [4, ['-', '-', '-'], 4, undefined],
  // A measured zero is a proposal, and not of nothing.
  [4, [0, 80], 8, 'm1'],
  [4, [0, 0], 1, 'm0'],
  [4, ['-', 0], 4, 'm1'],
  // The bounds apply to the largest.
  [4, [5000, 50], 100, 'm0'],
];

const HISTORY: History = { ...EMPTY_HISTORY, recommendations: [{ replicas: 1, at: NOW - 10 }] };
const NONE: Reading = { absent: 'missing', text: 'no series' };

function decideRow(current: number, values: readonly (number | '-')[]) {
  const targets = values.map((_, index): Target => ({ signal: `m${index}`, averageValue: 10 }));
  const rule = ruleFor('web', {
    target: targets[0]!,
    ...(targets.length > 1 && { targets }),
    maxReplicas: 100,
    behavior: fillBehavior({
      scaleUp: { policies: [{ type: 'Pods', value: 100, periodSeconds: 15 }] },
      scaleDown: { stabilizationWindowSeconds: 0 },
    }),
  });
  const signals = Object.fromEntries(values.map((value, i) => [`m${i}`, value === '-' ? NONE : at(value)]));
  return decide(rule, samplesOf({ replicas: current }, signals), HISTORY, NOW);
}

describe('HPA v2 with several metrics', () => {
  for (const [current, values, replicas, winner] of ROWS) {
    it(`${current} replicas, [${values.join(', ')}]: ${replicas}`, () => {
      const { replicas: got, trace } = decideRow(current, values);
      expect(got).to.equal(replicas);
      expect(trace.sizing?.signal).to.equal(winner);
      if (values.length === 1) return;
      expect(trace.targets?.map(({ signal }) => signal)).to.deep.equal(values.map((_, index) => `m${index}`));
      expect(trace.targets?.find(({ decides }) => decides)?.signal).to.equal(winner);
    });
  }
});

import fc from 'fast-check';
import type { Samples } from '../../../../scaler/core/round.js';
import type { Reading, Rule } from '../../../../scaler/core/types.js';
import { fillBehavior } from '../../../../scaler/rules/defaults.js';
import { at, ruleFor, samplesOf } from './fixtures.js';

/** Stabilization windows, seconds. */
export const WINDOWS = [0, 5, 15, 60, 300];
const window = fc.constantFrom(...WINDOWS);
const policies = fc.array(
  fc.record({
    type: fc.constantFrom('Pods' as const, 'Percent' as const),
    value: fc.integer({ min: 1, max: 200 }),
    periodSeconds: fc.constantFrom(5, 15, 60),
  }),
  { minLength: 1, maxLength: 3 },
);
const scalingRules = fc.record({
  stabilizationWindowSeconds: window,
  selectPolicy: fc.constantFrom('Max' as const, 'Min' as const, 'Disabled' as const),
  policies,
  tolerance: fc.constantFrom(0, 0.05, 0.1, 0.5),
});
export const rules: fc.Arbitrary<Rule> = fc
  .record({
    min: fc.integer({ min: 1, max: 10 }),
    room: fc.integer({ min: 0, max: 30 }),
    up: scalingRules,
    down: scalingRules,
  })
  .map(({ min, room, up, down }) =>
    ruleFor('web', {
      minReplicas: min,
      maxReplicas: min + room,
      behavior: fillBehavior({ scaleUp: up, scaleDown: down }),
    }),
  );
export const amount = fc.double({ min: 0, max: 50, noNaN: true });
const share = fc.double({ min: 0, max: 1, noNaN: true });
export const signals = fc.record({ cpu: amount, blockio: share, wait: share, lock: share });
export const rounds = fc.array(fc.record({ signals, replicas: fc.option(fc.integer({ min: 1, max: 50 })) }), {
  minLength: 1,
  maxLength: 12,
});
export type Signals = Record<'cpu' | 'blockio' | 'wait' | 'lock', number>;

export function sampled(
  values: Signals,
  replicas: number,
  now: number,
  changes: Record<string, Reading> = {},
): Samples {
  const readings = Object.entries({ ...values, request: 1, pods: replicas }).map(([name, value]) => [
    name,
    at(value, now),
  ]);
  return samplesOf(
    { replicas },
    { ...(Object.fromEntries(readings) as Record<string, Reading>), ...changes },
  );
}

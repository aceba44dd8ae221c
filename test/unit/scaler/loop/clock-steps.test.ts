import { expect } from 'chai';
import fc from 'fast-check';
import { decide } from '../../../../scaler/core/decide-round.js';
import type { ExplainedDecision } from '../../../../scaler/core/decision.js';
import type { Rule } from '../../../../scaler/core/types.js';
import { Histories } from '../../../../scaler/loop/histories.js';
import { rules, sampled, signals, WINDOWS, type Signals } from '../core/arbitraries.js';
import { NOW } from '../core/fixtures.js';

const HOUR = 3600;
const INTERVAL = 10;
const KEY = 'shop/Deployment/web';

interface Round {
  readonly signals: Signals;
  /** Seconds by which the clock is set before the round. */
  readonly step: number;
}

const KEPT = [0, 30, 120];
const holds = fc.record({
  for: fc.constantFrom(0, 20, 60),
  keepFor: fc.constantFrom(...KEPT),
});
/** With a step that holds, and keeps holding for a while. */
const holding = fc.tuple(rules, holds).map(([rule, times]): Rule => {
  const when = { blockio: { above: 0.4 } };
  return { ...rule, decide: [{ bound: 'disk', when, action: 'hold', maxHops: 4, ...times }, ...rule.decide] };
});

function rounds(...steps: readonly number[]): fc.Arbitrary<Round[]> {
  const set = fc.oneof(
    { weight: 4, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.constantFrom(...steps) },
  );
  return fc.array(fc.record({ signals, step: set }), { minLength: 2, maxLength: 60 });
}

/** Rounds as the scaler runs them, on a workload that no other client scales. */
function run(rule: Rule, inputs: readonly Round[]): readonly ExplainedDecision[] {
  let offset = NOW;
  let replicas = rule.minReplicas;
  const histories = new Histories({ offset: () => offset, repeats: () => false });
  return inputs.map(({ signals: values, step }, index) => {
    offset += step;
    const now = offset + INTERVAL * index;
    const decision = decide(rule, sampled(values, replicas, now), histories.get(KEY, rule), now);
    histories.set(KEY, rule, decision.history);
    replicas = decision.replicas;
    return decision;
  });
}

function unstepped(inputs: readonly Round[]): Round[] {
  return inputs.map((round) => ({ ...round, step: 0 }));
}

describe('decisions while the clock is set by an hour at random rounds', () => {
  it('are those without the steps, where it is set back', () => {
    const essence = ({ replicas, class: workloadClass, trace }: ExplainedDecision) => {
      return { replicas, class: workloadClass, stages: trace.stages, by: trace.bindingConstraint };
    };
    fc.assert(
      fc.property(holding, rounds(-HOUR), (rule, inputs) => {
        expect(run(rule, inputs).map(essence)).to.deep.equal(run(rule, unstepped(inputs)).map(essence));
      }),
    );
  });

  it('are never for fewer replicas than without the steps', () => {
    fc.assert(
      fc.property(holding, rounds(-HOUR, HOUR), (rule, inputs) => {
        const without = run(rule, unstepped(inputs));
        for (const [index, { replicas }] of run(rule, inputs).entries())
          expect(replicas).to.be.at.least(without[index]!.replicas);
      }),
    );
  });

  it('hold for the same causes and as long, and for no longer than a window after the last step', () => {
    const calm: Round = { signals: { cpu: 1, blockio: 0, wait: 0, lock: 0 }, step: 0 };
    const longest = Math.max(...WINDOWS) + Math.max(...KEPT);
    const after = Array.from({ length: longest / INTERVAL + 1 }, () => calm);
    fc.assert(
      fc.property(holding, rounds(-HOUR, HOUR), (rule, inputs) => {
        const all = [...inputs, ...after];
        const classes = (decisions: readonly ExplainedDecision[]) => decisions.map((one) => one.class);
        const decisions = run(rule, all);
        expect(classes(decisions)).to.deep.equal(classes(run(rule, unstepped(all))));
        expect(decisions.at(-1)!.trace.bindingConstraint).to.not.be.oneOf(['hold', 'stabilization']);
      }),
    );
  });
});

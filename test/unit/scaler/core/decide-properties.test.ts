import { expect } from 'chai';
import fc from 'fast-check';
import { decide } from '../../../../scaler/core/decide-round.js';
import type { ExplainedDecision } from '../../../../scaler/core/decision.js';
import { EMPTY_HISTORY, type History } from '../../../../scaler/core/round.js';
import type { Reading, Rule } from '../../../../scaler/core/types.js';
import { amount, rounds, rules, sampled, signals, type Signals } from './arbitraries.js';
import { at, decideAmong, edgeTo, NOW, waiter } from './fixtures.js';

const absence: fc.Arbitrary<Reading> = fc.oneof(
  fc.constantFrom('missing', 'stale', 'partial', 'nan', 'error').map((absent) => ({
    absent: absent as 'missing',
    text: 'for a test',
  })),
  fc.constantFrom(NaN, Infinity, -1).map((value) => at(value)),
  fc.constant(at(0, NOW - 3600)),
);

interface Run {
  readonly decisions: readonly ExplainedDecision[];
  readonly history: History;
  readonly replicas: number;
}

/** Runs rounds 10 s apart that end before `end`, each on the outcome of the one before. */
function run(
  rule: Rule,
  inputs: readonly { signals: Signals; replicas: number | null }[],
  start = rule.minReplicas,
  history = EMPTY_HISTORY,
  end = NOW,
): Run {
  let state = { history, replicas: start };
  const decisions = inputs.map(({ signals: values, replicas: manual }, index) => {
    const now = end - 10 * (inputs.length - index);
    const decision = decide(rule, sampled(values, manual ?? state.replicas, now), state.history, now);
    state = { history: decision.history, replicas: decision.replicas };
    return decision;
  });
  return { decisions, ...state };
}

/** Runs rounds from NOW on, on a workload that no other client scales. */
function expectNoScaleDownWithinWindow(
  rule: Rule,
  inputs: readonly { signals: Signals }[],
  start: number,
  history: History,
): void {
  const alone = inputs.map(({ signals: values }) => ({ signals: values, replicas: null }));
  const from = Math.min(start, rule.maxReplicas);
  const end = NOW + 10 * inputs.length;
  for (const { replicas, trace } of run(rule, alone, from, history, end).decisions) {
    if (trace.at - NOW >= rule.behavior!.scaleDown.stabilizationWindowSeconds) break;
    expect(replicas).to.be.at.least(from);
  }
}

describe('every decision', () => {
  it('is within minReplicas and maxReplicas', () => {
    fc.assert(
      fc.property(rules, rounds, (rule, inputs) => {
        for (const { replicas } of run(rule, inputs).decisions) {
          expect(replicas).to.be.within(rule.minReplicas, rule.maxReplicas);
        }
      }),
    );
  });

  it('never scales down on data that is absent, stale, partial or not a number', () => {
    const name = fc.constantFrom('cpu', 'blockio', 'wait', 'lock', 'request', 'pods');
    fc.assert(
      fc.property(rules, rounds, signals, name, absence, (rule, inputs, values, broken, reading) => {
        const { history, replicas } = run(rule, inputs);
        const samples = sampled(values, replicas, NOW, { [broken]: reading });
        expect(decide(rule, samples, history, NOW).replicas).to.be.at.least(replicas);
      }),
    );
  });

  it('never scales down while pods are not measured or another workload waits on it', () => {
    fc.assert(
      fc.property(rules, rounds, signals, fc.boolean(), (rule, inputs, values, waited) => {
        const { history, replicas } = run(rule, inputs);
        const others = waited ? [waiter('front', edgeTo('web', 0))] : [];
        const samples = sampled(values, replicas, NOW, waited ? {} : { pods: at(replicas - 1) });
        const decision = decideAmong(others, rule, samples, history, NOW);
        expect(decision.trace.noScaleDown).to.have.lengthOf(1);
        expect(decision.replicas).to.be.at.least(replicas);
      }),
    );
  });

  it('never scales up a workload that has been disk-bound for the time of the step', () => {
    fc.assert(
      fc.property(rules, rounds, signals, (rule, inputs, values) => {
        const { history, replicas } = run(rule, inputs);
        const disk = { ...values, blockio: 0.9 };
        const first = decide(rule, sampled(disk, replicas, NOW), history, NOW);
        const then = decide(rule, sampled(disk, first.replicas, NOW + 20), first.history, NOW + 20);
        expect(then.class).to.equal('disk');
        expect(then.replicas).to.equal(first.replicas);
      }),
    );
  });

  it('grows with the load', () => {
    fc.assert(
      fc.property(rules, rounds, amount, amount, (rule, inputs, one, other) => {
        const { history, replicas } = run(rule, inputs);
        const decided = [Math.min(one, other), Math.max(one, other)].map((cpu) => {
          const samples = sampled({ cpu, blockio: 0, wait: 0, lock: 0 }, replicas, NOW);
          return decide(rule, samples, history, NOW).replicas;
        });
        expect(decided[0]).to.be.at.most(decided[1]!);
      }),
    );
  });

  it('keeps the replicas while the load stays inside the tolerance', () => {
    fc.assert(
      fc.property(rules, fc.array(fc.integer({ min: -99, max: 99 }), { maxLength: 20 }), (rule, wobble) => {
        const replicas = rule.maxReplicas;
        const { up, down } = {
          up: rule.behavior!.scaleUp.tolerance,
          down: rule.behavior!.scaleDown.tolerance,
        };
        const inputs = wobble.map((part) => {
          const ratio = 1 + (part / 100) * (part > 0 ? up : down);
          // HPA counts whole percents of the request, cut off: the middle of one stays clear of the ends.
          const percent = Math.min(
            Math.max(Math.ceil(70 * ratio), Math.ceil(70 * (1 - down))),
            Math.floor(70 * (1 + up)),
          );
          return {
            signals: { cpu: ((percent + 0.5) / 100) * replicas, blockio: 0, wait: 0, lock: 0 },
            replicas: null,
          };
        });
        for (const decision of run(rule, inputs, replicas).decisions)
          expect(decision.replicas).to.equal(replicas);
      }),
    );
  });

  it('depends on its arguments alone and does not change them', () => {
    fc.assert(
      fc.property(rules, rounds, signals, (rule, inputs, values) => {
        const { history, replicas } = run(rule, inputs);
        const samples = sampled(values, replicas, NOW);
        const before = JSON.stringify({ rule, samples, history });
        const decision = decide(rule, samples, history, NOW);
        expect(JSON.stringify({ rule, samples, history })).to.equal(before);
        expect(decide(rule, samples, history, NOW)).to.deep.equal(decision);
      }),
    );
  });

  it('is the same after a restart with the history as without a restart', () => {
    fc.assert(
      fc.property(rules, rounds, rounds, (rule, before, after) => {
        const stopped = run(rule, before);
        const restored = JSON.parse(JSON.stringify(stopped.history)) as History;
        const end = NOW + 10 * after.length;
        const never = run(rule, after, stopped.replicas, stopped.history, end);
        expect(run(rule, after, stopped.replicas, restored, end)).to.deep.equal(never);
      }),
    );
  });

  it('does not scale down before a full window has passed since its start', () => {
    fc.assert(
      fc.property(rules, rounds, fc.integer({ min: 1, max: 40 }), (rule, inputs, start) => {
        expectNoScaleDownWithinWindow(rule, inputs, Math.max(start, rule.minReplicas), EMPTY_HISTORY);
      }),
    );
  });

  it('does not scale down before a full window of data has passed since an outage', () => {
    const name = fc.constantFrom('cpu', 'blockio', 'wait', 'lock', 'request', 'pods');
    fc.assert(
      fc.property(rules, rounds, name, absence, rounds, (rule, before, broken, reading, after) => {
        const { history, replicas } = run(rule, before);
        const start = NOW - 5;
        const calm = { cpu: 0, blockio: 0, wait: 0, lock: 0 };
        const outage = sampled(calm, replicas, start, { [broken]: reading });
        const during = decide(rule, outage, history, start);
        expectNoScaleDownWithinWindow(rule, after, during.replicas, during.history);
      }),
    );
  });

  it('raises only the floor if data is missing', () => {
    const name = fc.constantFrom('cpu', 'blockio', 'wait', 'lock', 'pods');
    fc.assert(
      fc.property(rules, rounds, signals, name, absence, (rule, inputs, values, broken, reading) => {
        const { history, replicas } = run(rule, inputs);
        const { stages, noScaleDown } = decide(
          rule,
          sampled(values, replicas, NOW, { [broken]: reading }),
          history,
          NOW,
        ).trace;
        expect(noScaleDown).to.have.lengthOf.at.least(1);
        expect(stages.floor).to.equal(Math.max(stages.tolerance, replicas));
        const whole = decide(rule, sampled(values, replicas, NOW), history, NOW).trace;
        if (whole.noScaleDown.length === 0) expect(whole.stages.floor).to.equal(whole.stages.tolerance);
      }),
    );
  });

  it('has a reason of one line and a bounded history', () => {
    fc.assert(
      fc.property(rules, signals, (rule, values) => {
        const inputs = Array.from({ length: 80 }, () => ({ signals: values, replicas: null }));
        const { decisions, history } = run(rule, inputs);
        for (const { reason } of decisions) expect(reason).to.match(/^\S[^\n]+[^.\s]$/);
        expect(history.recommendations.length).to.be.at.most(33);
      }),
      { numRuns: 30 },
    );
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import { decide } from '../../../../scaler/core/decide-round.js';
import { EMPTY_HISTORY, type Reading } from '../../../../scaler/core/types.js';
import { fillBehavior } from '../../../../scaler/rules/defaults.js';
import { at, NOW, ruleFor, samplesOf } from './fixtures.js';

const LATENCY = 'latency_p99';
const RULE = ruleFor('web', {
  objective: { latency: 0.05, quantile: 0.99, signal: LATENCY },
  behavior: fillBehavior({ scaleDown: { stabilizationWindowSeconds: 0 } }),
  maxAge: { [LATENCY]: 45 },
});

function decideAt(cpu: number, latency: Reading, rule = RULE) {
  return decide(rule, samplesOf({}, { cpu: at(cpu), [LATENCY]: latency }), EMPTY_HISTORY, NOW);
}

const NO_REQUESTS: Reading = { absent: 'missing', text: 'no series' };

describe('a latency objective', () => {
  it('does not ration growth while it is met: growth comes before it is missed', () => {
    expect(decideAt(4, at(0.02)).replicas).to.equal(6);
  });

  it('has no effect on scale-up while it is missed', () => {
    const decision = decideAt(4, at(0.08));
    expect(decision.replicas).to.equal(6);
    expect(decision.reason).to.match(/6 replicas needed; p99 latency 80 ms misses the 50 ms objective$/);
  });

  it('adds no replicas if CPU demand is at the target', () => {
    expect(decideAt(1.4, at(3)).replicas).to.equal(2);
  });

  it('prevents scale-down while it is missed', () => {
    expect(decideAt(0.1, at(0.02)).replicas).to.equal(1);
    const decision = decideAt(0.1, at(0.08));
    expect(decision.replicas).to.equal(2);
    expect(decision.trace.noScaleDown[0]).to.contain('misses the 50 ms objective');
  });

  it('is ignored without requests, with a reason', () => {
    for (const latency of [NO_REQUESTS, at(NaN)]) {
      const decision = decideAt(4, latency);
      expect(decision.replicas).to.equal(6);
      expect(decision.reason).to.contain('p99 latency is unknown, so the 50 ms objective is ignored');
      expect(decideAt(0.1, latency).replicas).to.equal(1);
    }
  });

  it('is ignored for scale-up if it cannot be measured, and then prevents scale-down', () => {
    const failures: Reading[] = [
      { absent: 'error', text: '503' },
      { absent: 'partial', text: 'w' },
      at(0.02, NOW - 60),
    ];
    for (const latency of failures) {
      expect(decideAt(4, latency).replicas).to.equal(6);
      expect(decideAt(0.1, latency).replicas).to.equal(2);
    }
  });

  it('only keeps replicas from going down, compared with the same rule without it', () => {
    const without = ruleFor('web', { behavior: RULE.behavior });
    const amount = fc.double({ min: 0, max: 20, noNaN: true });
    const latency = fc.double({ min: 0, max: 0.2 });
    fc.assert(
      fc.property(amount, latency, (cpu, seconds) => {
        const free = decideAt(cpu, at(seconds), without).replicas;
        expect(decideAt(cpu, at(seconds)).replicas).to.equal(seconds > 0.05 ? Math.max(free, 2) : free);
      }),
    );
  });
});

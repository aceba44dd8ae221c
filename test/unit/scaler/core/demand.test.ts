import { expect } from 'chai';
import { decide } from '../../../../scaler/core/decide-round.js';
import { EMPTY_HISTORY } from '../../../../scaler/core/types.js';
import { at, NOW, ruleFor, samplesOf } from './fixtures.js';

const LIMIT = 0.2;
const RULE = ruleFor('web', { maxReplicas: 50 });

/**
 * What a workload's pods measure when more CPU is asked of them than their limit grants: they use the limit, and for
 * the rest their threads stand ready and wait.
 */
function measure(asked: number, replicas: number) {
  const used = Math.min(asked, replicas * LIMIT);
  return { used, demand: asked };
}

/** Replicas round after round, 15 s apart, until they stay. */
function sizesUntilStable(asked: number, seen: 'used' | 'demand'): number[] {
  const sizes = [2];
  let history = EMPTY_HISTORY;
  for (let round = 0; round < 20; round++) {
    const replicas = sizes.at(-1)!;
    const now = NOW + 15 * round;
    const cpu = at(measure(asked, replicas)[seen], now);
    const signals = { request: at(LIMIT, now), pods: at(replicas, now) };
    const idle = { blockio: at(0, now), wait: at(0, now), lock: at(0, now) };
    const decision = decide(RULE, samplesOf({ replicas }, { cpu, ...signals, ...idle }), history, now);
    if (decision.replicas === replicas) return sizes;
    history = decision.history;
    sizes.push(decision.replicas);
  }
  return sizes;
}

describe('CPU demand: used, waited for and throttled', () => {
  it('reaches in one step the size that utilisation takes several for', () => {
    // 0.6 cores at 70 % of 0.2 cores per pod: five pods are within the tolerance, as many as utilisation ends with.
    expect(sizesUntilStable(0.6, 'demand')).to.deep.equal([2, 5]);
    expect(sizesUntilStable(0.6, 'used')).to.deep.equal([2, 3, 5]);
  });

  it('is the farther ahead the more is asked', () => {
    expect(sizesUntilStable(0.84, 'demand')).to.deep.equal([2, 6]);
    expect(sizesUntilStable(0.84, 'used')).to.deep.equal([2, 3, 5, 6]);
  });
});

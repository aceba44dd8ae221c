import { expect } from 'chai';
import { decide } from '../../../../scaler/core/decide-round.js';
import { EMPTY_HISTORY } from '../../../../scaler/core/types.js';
import { at, NOW, ruleFor, samplesOf } from './fixtures.js';

const LIMIT = 0.2;
const RULE = ruleFor('web', { maxReplicas: 50 });

/** Measurements of pods whose load exceeds their CPU limit: they use the limit, and the rest of the demand waits. */
function measure(demand: number, replicas: number) {
  return { used: Math.min(demand, replicas * LIMIT), demand };
}

/** Returns the replicas of each round, 15 s apart, until they no longer change. */
function sizesUntilStable(demand: number, signal: 'used' | 'demand'): number[] {
  const sizes = [2];
  let history = EMPTY_HISTORY;
  for (let round = 0; round < 20; round++) {
    const replicas = sizes.at(-1)!;
    const now = NOW + 15 * round;
    const cpu = at(measure(demand, replicas)[signal], now);
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
  it('reaches in one step the size that utilization reaches in several', () => {
    // 0.6 cores at 70 % of 0.2 cores per pod: five pods are within the tolerance, as many as utilization reaches.
    expect(sizesUntilStable(0.6, 'demand')).to.deep.equal([2, 5]);
    expect(sizesUntilStable(0.6, 'used')).to.deep.equal([2, 3, 5]);
  });

  it('saves more steps under higher load', () => {
    expect(sizesUntilStable(0.84, 'demand')).to.deep.equal([2, 6]);
    expect(sizesUntilStable(0.84, 'used')).to.deep.equal([2, 3, 5, 6]);
  });
});

import { expect } from 'chai';
import { decide } from '../../../../scaler/core/decide-round.js';
import { detailsOf } from '../../../../scaler/core/details.js';
import { EMPTY_HISTORY } from '../../../../scaler/core/round.js';
import type { DecideStep } from '../../../../scaler/core/types.js';
import { at, NOW, pod, ruleFor, samplesOf } from './fixtures.js';

/** Names that every object inherits. */
const INHERITED = ['toString', 'constructor', 'valueOf', 'hasOwnProperty'];

describe('a signal or class that is named like an inherited property', () => {
  for (const name of INHERITED) {
    it(`is one like any other: ${name}`, () => {
      const step: DecideStep = {
        ...{ bound: name, for: 0, keepFor: 0, action: 'hold', maxHops: 1 },
        when: { [name]: { above: 90 } },
      };
      const rule = ruleFor('web', { target: { signal: name, averageValue: 30 }, decide: [step] });
      const samples = (value: number) => ({
        ...samplesOf({}, { [name]: at(value) }),
        ...{ pods: [pod('a'), pod('b')], podSignals: {} },
      });
      const grown = decide(rule, samples(80), EMPTY_HISTORY, NOW);
      expect(grown.replicas).to.equal(3);
      expect(grown.reason).to.equal(`${name} demand 80; 2 pods × 30 target = 60 (1.33×). 3 replicas needed`);
      const held = decide(rule, samples(100), EMPTY_HISTORY, NOW);
      expect(held.reason).to.match(/-bound: \w+ 100 \(limit 90\)$/);
      expect(JSON.stringify(detailsOf(held))).not.to.contain('native code');
    });

    it(`is missing where nothing has measured it: ${name}`, () => {
      const rule = ruleFor('web', { target: { signal: name, averageValue: 30 }, decide: [] });
      const decision = decide(rule, { ...samplesOf(), pods: [pod('a')], podSignals: {} }, EMPTY_HISTORY, NOW);
      expect(decision.trace.bindingConstraint).to.equal('noData');
      expect(decision.reason).to.contain(`No data for ${name} (not queried)`);
    });
  }
});

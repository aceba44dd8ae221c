import { expect } from 'chai';
import { decide } from '../../../../scaler/core/decide-round.js';
import { detailsOf } from '../../../../scaler/core/details.js';
import { restrict } from '../../../../scaler/core/restrictions.js';
import { EMPTY_HISTORY } from '../../../../scaler/core/round.js';
import { at, NOW, ruleFor, samplesOf } from './fixtures.js';

const RULE = ruleFor('web', { minReplicas: 2, maxReplicas: 20 });
const SOON = new Date((NOW + 60) * 1000).toISOString();
const PAST = new Date((NOW - 60) * 1000).toISOString();

/** Demand calls for 10 replicas, from 5. */
function decisionOn(annotations: Record<string, string>, changes = {}) {
  const rule = restrict({ ...RULE, ...changes }, annotations);
  const samples = samplesOf({ replicas: 5 }, { cpu: at(7) });
  return { rule, ...decide(rule, samples, EMPTY_HISTORY, NOW) };
}

describe('annotations of a workload', () => {
  for (const [annotations, outcome] of [
    [{}, '10 none'],
    [{ 'kernscale.io/paused': 'load test' }, '5 paused'],
    [{ 'kernscale.io/paused': 'true' }, '5 paused'],
    [{ 'kernscale.io/paused': '' }, '5 paused'],
    [{ 'kernscale.io/paused': 'false' }, '10 none'],
    [{ 'kernscale.io/paused-until': SOON }, '5 paused'],
    [{ 'kernscale.io/paused': 'x', 'kernscale.io/paused-until': SOON }, '5 paused'],
    [{ 'kernscale.io/paused': 'x', 'kernscale.io/paused-until': PAST }, '10 none'],
    [{ 'kernscale.io/max-replicas': '7' }, '7 maxReplicas'],
    [{ 'kernscale.io/min-replicas': '12' }, '12 minReplicas'],
    [{ 'kernscale.io/max-replicas': '4' }, '4 maxReplicas'],
    [{ 'kernscale.io/min-replicas': '4', 'kernscale.io/max-replicas': '4' }, '4 maxReplicas'],
    [{ 'kernscale.io/max-replicas': '4', 'kernscale.io/paused': 'true' }, '5 paused'],
  ] as const) {
    it(`${JSON.stringify(annotations)} lead to ${outcome}`, () => {
      const { replicas, trace, rule } = decisionOn(annotations);
      expect(`${replicas} ${trace.bindingConstraint}`).to.equal(outcome);
      expect(rule.restrictions?.faults).to.deep.equal([]);
    });
  }

  for (const [annotations, outcome, fault] of [
    [
      { 'kernscale.io/paused': 'x', 'kernscale.io/paused-until': 'noon' },
      '5 paused',
      /"noon" is no time such as/,
    ],
    [{ 'kernscale.io/pause': 'x' }, '10 none', /kernscale.io\/pause is not known/],
    [{ 'kernscale.io/max-replicas': '50' }, '10 none', /max-replicas "50" is no whole number from 2 to 20/],
    [{ 'kernscale.io/min-replicas': '1' }, '10 none', /min-replicas "1" is no whole number from 2 to 20/],
    [{ 'kernscale.io/max-replicas': '-3' }, '10 none', /"-3" is no whole number/],
    [{ 'kernscale.io/max-replicas': '7.5' }, '10 none', /"7.5" is no whole number/],
    [{ 'kernscale.io/max-replicas': 'seven' }, '10 none', /"seven" is no whole number/],
    [
      { 'kernscale.io/min-replicas': '9', 'kernscale.io/max-replicas': '7' },
      '10 none',
      /min-replicas "9" is above .*max-replicas "7"/,
    ],
  ] as const) {
    it(`that cannot be followed are named: ${JSON.stringify(annotations)}`, () => {
      const { replicas, trace, rule } = decisionOn(annotations);
      expect(`${replicas} ${trace.bindingConstraint}`).to.equal(outcome);
      expect(rule.restrictions?.faults).to.have.length(1);
      expect(rule.restrictions?.faults[0]).to.match(fault);
    });
  }

  it('show in the decision', () => {
    const decision = decisionOn({ 'kernscale.io/max-replicas': '7', 'kernscale.io/min-replicas': 'x' });
    expect(decision.reason).to.include('10 replicas needed, kernscale.io/max-replicas is 7');
    const rows = detailsOf(decision).find(({ title }) => title === 'Replicas')!.rows;
    expect(rows).to.deep.include({
      name: 'maxReplicas',
      text: '7, by the annotation kernscale.io/max-replicas',
    });
    expect(rows.filter(({ name }) => name === 'ignored')).to.have.length(1);
  });

  it('do not stop a dry run, which says what would', () => {
    const { replicas, reason } = decisionOn({ 'kernscale.io/paused': 'load test' }, { dryRun: true });
    expect(replicas).to.equal(10);
    expect(reason).to.match(/Outside shadow mode it would stay: Paused by .*: load test$/);
  });
});

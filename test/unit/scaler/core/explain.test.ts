import { expect } from 'chai';
import fc from 'fast-check';
import { decide } from '../../../../scaler/core/decide-round.js';
import type { BindingConstraint, ExplainedDecision } from '../../../../scaler/core/decision.js';
import { fillBehavior } from '../../../../scaler/rules/defaults.js';
import { BY_DEMAND } from './explain-by-demand.js';
import { BY_HARM } from './explain-by-harm.js';
import { HELD } from './explain-held.js';
import { LEFT_TO_OTHERS } from './explain-yield.js';
import { AT_ONCE, HISTORY, pods, SIZED } from './explain-sized.js';

import { at, NOW, ruleFor } from './fixtures.js';
import { decisionOf } from './traces.js';

const MOST_CHARACTERS = 160;
/** With the parts of the demand, the habit, or a sign that is no harm yet. */
const MOST_WITH_REQUESTS = 230;
const CASES = [...SIZED, ...HELD, ...LEFT_TO_OTHERS];

/** Values of `BindingConstraint` that are not fields of a rule and so must not appear in a sentence. */
const ENUM_VALUES: readonly BindingConstraint[] = [
  'scalingDisabled',
  'noData',
  'noScaleDown',
  'unmeasuredPods',
  'scaleUpLimit',
  'scaleDownLimit',
];

/** `4 pods × 0.14-core target = 0.56 (1.8×)`, with the demand before it. */
const ARITHMETIC =
  /^(?:p99 .*: |Spends .*\. )?(?:CPU|queue) demand ([\d.e+-]+)[^;]*; (\d+) pods? × ([\d.e+-]+)(?:-core)? target = ([\d.e+-]+) \(([\d.e+]+)×/;

/** True if two numbers agree within the rounding of their terms to three digits. */
function isAbout(found: number, expected: number, atLeast: number): boolean {
  return Math.abs(found - expected) <= Math.max(0.015 * Math.abs(expected), atLeast);
}

/** Checks the arithmetic in the reason. @returns true if there is any */
function checkArithmetic({ reason, trace }: ExplainedDecision): boolean {
  const [, ...printed] = ARITHMETIC.exec(reason) ?? [];
  if (printed.length === 0) return false;
  const [demand, number, target, product, ratio] = printed.map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ];
  expect(isAbout(number * target, product, number * 0.0005), `${number} × ${target} = ${product}`).to.equal(
    true,
  );
  expect(
    isAbout(demand / product, ratio, ratio < 10 ? 0.06 : 0.6),
    `${demand} / ${product} = ${ratio}`,
  ).to.equal(true);
  checkOrigin(reason, demand);
  const tolerance = /within the (\d+) % tolerance/.exec(reason);
  if (tolerance && !reason.includes('as HPA counts')) {
    expect(ratio, reason).to.be.within(
      0.994 - Number(tolerance[1]) / 100,
      1.006 + Number(tolerance[1]) / 100,
    );
  }
  const above = /demand is above ([\d.e+-]+)/.exec(trace.wouldChange);
  if (tolerance && above && !trace.sizing?.pods) {
    expect(demand, trace.wouldChange).to.be.at.most(Number(above[1]) * 1.006);
  }
  const needed = /\. (\d+) replicas? needed/.exec(reason);
  if (needed && !reason.includes('as HPA counts') && trace.stages.raw === Number(needed[1])) {
    const slack = 0.1 + (0.015 * demand) / target;
    const pods = demand / target;
    expect(Number(needed[1]), reason).to.be.within(Math.ceil(pods - slack), Math.ceil(pods + slack));
  }
  return true;
}

/** Checks that the parts of a demand by requests add up to it: requests × CPU time + backlog + beside. */
function checkOrigin(reason: string, demand: number): void {
  const load = Number(/([\d.]+) requests\/s/.exec(reason)?.[1]);
  const cost = Number(/([\d.]+) ms(?: each|[ )])/.exec(reason.replace(/^Spends .*?\. /, ''))?.[1]) / 1000;
  const extras = [...reason.matchAll(/([\d.]+) (?:for the backlog|beside requests)/g)];
  const sum = extras.reduce((total, [, cores]) => total + Number(cores), load * cost);
  if (/ each|requests\/s ×/.test(reason)) {
    expect(isAbout(sum, demand, 0.0005), `${sum} cores explain ${demand}: ${reason}`).to.equal(true);
  }
}

function checkWords({ reason, trace }: ExplainedDecision): void {
  for (const sentence of [reason, trace.wouldChange]) {
    for (const value of ENUM_VALUES) expect(sentence).not.to.include(value);
    expect(sentence).not.to.match(/undefined|NaN|\[object|\bnull\b|\.$/);
  }
  expect(trace.wouldChange).to.match(/^Would change when \S/);
}

describe('the explanation of a decision', () => {
  for (const [what, decision, outcome, reason, wouldChange] of CASES) {
    it(`describes a workload that ${what}`, () => {
      const made = decision();
      const { trace } = made;
      const change = `${trace.currentReplicas} → ${made.replicas}`;
      expect(`${trace.bindingConstraint} ${made.class} ${change}`).to.equal(outcome);
      expect(made.reason).to.equal(reason);
      expect(trace.wouldChange).to.equal(`Would change when ${wouldChange}`);
      expect(made.reason.length).to.be.at.most(MOST_CHARACTERS);
      checkWords(made);
      checkArithmetic(made);
    });
  }

  for (const [what, made, reason, wouldChange] of [...BY_DEMAND, ...BY_HARM]) {
    it(`describes a workload that ${what}`, () => {
      const decision = decisionOf(made);
      expect(decision.reason).to.equal(reason);
      expect(decision.trace.wouldChange).to.equal(`Would change when ${wouldChange}`);
      expect(decision.reason.length).to.be.at.most(MOST_WITH_REQUESTS);
      checkWords(decision);
      checkArithmetic(decision);
    });
  }

  it('is tested for every constraint and every class', () => {
    const constraints: Record<BindingConstraint, true> = {
      none: true,
      scalingDisabled: true,
      otherAutoscaler: true,
      paused: true,
      otherWriter: true,
      noData: true,
      fallback: true,
      idle: true,
      activation: true,
      hold: true,
      dependency: true,
      noScaleDown: true,
      tolerance: true,
      unmeasuredPods: true,
      stabilization: true,
      scaleUpLimit: true,
      scaleDownLimit: true,
      minReplicas: true,
      maxReplicas: true,
    };
    const outcomes = CASES.map(([, , outcome]) => outcome.split(' '));
    expect(new Set(outcomes.map(([constraint]) => constraint))).to.have.keys(...Object.keys(constraints));
    expect(outcomes.map(([, workloadClass]) => workloadClass)).to.include.members([
      'cpu',
      'disk',
      'dependency',
      'lock',
      'none',
      'unknown',
    ]);
  });

  it('has correct arithmetic for any demand', () => {
    const behavior = fc.constantFrom(fillBehavior(undefined), AT_ONCE, null);
    const target = fc.oneof(
      fc.integer({ min: 1, max: 150 }).map((averageUtilization) => ({ signal: 'cpu', averageUtilization })),
      fc
        .integer({ min: 10, max: 50_000 })
        .map((thousandths) => ({ signal: 'queue', averageValue: thousandths / 1000 })),
    );
    const value = fc.option(fc.double({ min: 0, max: 3, noNaN: true }), { nil: undefined, freq: 4 });
    const values = fc.array(value, { minLength: 1, maxLength: 8 });
    const request = fc.constantFrom(0.05, 0.2, 1, 4);
    let checked = 0;
    fc.assert(
      fc.property(target, behavior, values, request, fc.boolean(), (aim, how, used, size, byPod) => {
        const rule = ruleFor('web', { target: aim, behavior: how, decide: [] });
        const containers = [{ name: 'app', request: size }];
        const samples = pods(
          used,
          used.map(() => ({ containers })),
        );
        const total = used.reduce<number>((sum, amount) => sum + (amount ?? 0), 0);
        const signals = { ...samples.signals, request: at(size), queue: at(total), cpu: at(total) };
        const usage = samples.podSignals!['cpu']!;
        const known = byPod ? { podSignals: { cpu: usage, queue: usage } } : { podSignals: undefined };
        const decision = decide(rule, { ...samples, signals, ...known }, HISTORY, NOW);
        checkWords(decision);
        if (checkArithmetic(decision)) checked++;
      }),
      { numRuns: 1000 },
    );
    expect(checked).to.be.above(200);
  });
});

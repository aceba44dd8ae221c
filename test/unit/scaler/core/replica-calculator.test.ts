import { expect } from 'chai';
import { decide } from '../../../../scaler/core/decide-round.js';
import { groupPods } from '../../../../scaler/core/group-pods.js';
import { EMPTY_HISTORY, type Samples } from '../../../../scaler/core/round.js';
import type { Pod } from '../../../../scaler/core/types.js';
import { fillBehavior } from '../../../../scaler/rules/defaults.js';
import { at, NOW, pod, ruleFor, samplesOf } from './fixtures.js';

const RULE = ruleFor('web', {
  behavior: fillBehavior({ scaleDown: { stabilizationWindowSeconds: 0 } }),
  windows: { cpu: 60 },
});

/** Pod that became ready once and has been unready for 30 s. */
function unready(name: string): Pod {
  return pod(name, { ready: 'False', startedAt: NOW - 120, readySince: NOW - 30 });
}

function measured(
  pods: readonly Pod[],
  cpu: Readonly<Record<string, number>>,
  starved: Readonly<Record<string, number>> = {},
): Samples {
  const total = Object.values(cpu).reduce((sum, value) => sum + value, 0);
  const podSignals = { cpu: new Map(Object.entries(cpu)), starved: new Map(Object.entries(starved)) };
  const samples = samplesOf({ replicas: pods.length }, { cpu: at(total), request: at(0.2) });
  return { ...samples, pods, podSignals };
}

function decideOn(samples: Samples, rule = RULE) {
  return decide(rule, samples, EMPTY_HISTORY, NOW);
}

describe('sizing by pods', () => {
  it('counts pods as HPA does: ready ones with a sample', () => {
    const pods = [pod('a'), pod('b'), pod('failed', { phase: 'Failed' }), pod('going', { deleted: true })];
    const cpu = { a: 0.28, b: 0.28, failed: 9, going: 9 };
    const decision = decideOn({ ...measured(pods, cpu), replicas: 2 });
    expect(decision.replicas).to.equal(4);
    expect(decision.trace.sizing).to.deep.include({ demand: 0.56, ratio: 2 });
    expect(decision.trace.sizing?.targetPerPod).to.be.closeTo(0.14, 1e-9);
  });

  it('ignores the CPU of a starting pod, so that a roll-out does not overshoot', () => {
    const starting = pod('b', { ready: 'False', startedAt: NOW - 20, readySince: NOW - 20 });
    const decision = decideOn(measured([pod('a'), starting], { a: 0.15, b: 1 }));
    expect(decision.replicas).to.equal(2);
    expect(decision.trace.sizing?.pods).to.deep.equal({ counted: 1, unready: 1, missing: 0, starved: 0 });
  });

  it('assumes the load that changes the replicas least for a pod without a sample', () => {
    const pods = [pod('a'), pod('b')];
    expect(decideOn(measured(pods, { a: 0.2 })).trace.sizing?.ratio, 'up: no load').to.be.below(1);
    const down = decideOn(measured(pods, { a: 0.05 }));
    expect(down.replicas, 'down: its whole request').to.equal(2);
  });

  it('never scales down while fewer pods are measured than there are replicas', () => {
    const notYet = pod('b', { ready: 'False', startedAt: NOW - 20, readySince: NOW - 20 });
    const decision = decideOn(measured([pod('a'), notYet, pod('c')], { a: 0.01, b: 0.01, c: 0.01 }));
    expect(decision.replicas).to.equal(3);
    expect(decision.trace.noScaleDown).to.deep.equal(['1 of 3 pods has no usable data yet']);
  });

  it('does not scale up below the target while a roll-out has more pods than replicas', () => {
    const pods = ['a', 'b', 'c', 'd'].map((name) => pod(name));
    const samples = measured(pods, { a: 0.11, b: 0.11, c: 0.11, d: 0.11 });
    const decision = decideOn({ ...samples, replicas: 3 });
    expect(decision.trace.sizing?.ratio).to.be.closeTo(0.786, 1e-3);
    expect(decision.replicas).to.equal(3);
  });

  it('requires a CPU request of every container, or of the pod', () => {
    const bare = pod('b', { containers: [{ name: 'app', request: 0.2 }, { name: 'proxy' }] });
    const decision = decideOn(measured([pod('a'), bare], { a: 0.1, b: 0.1 }));
    expect(decision.trace.bindingConstraint).to.equal('noData');
    expect(
      decision.trace.steps.find(({ class: workloadClass }) => workloadClass === 'cpu')?.outcome,
    ).to.equal('unknown');
    const whole = { ...bare, request: 0.4 };
    expect(decideOn(measured([pod('a'), whole], { a: 0.28, b: 0.56 })).replicas).to.equal(4);
  });

  it('asks no CPU request of a pod that is being deleted, as the last one of an old template is in a roll-out', () => {
    const bare = [{ name: 'app' }];
    const going = pod('old', { deleted: true, containers: bare });
    const decision = decideOn({ ...measured([pod('a'), going], { a: 0.28, old: 0.1 }), replicas: 1 });
    expect(decision.replicas).to.equal(2);
    expect(decision.trace.sizing?.targetPerPod).to.be.closeTo(0.14, 1e-9);
    const staying = decideOn(measured([pod('a'), pod('old', { containers: bare })], { a: 0.28, old: 0.1 }));
    expect(staying.reason).to.contain('Container app of pod old requests no CPU');
  });

  it('holds if a number exceeds the range of Kubernetes', () => {
    const decision = decideOn(measured([pod('a')], { a: 1e9 }));
    expect(decision.replicas).to.equal(1);
    expect(decision.trace.bindingConstraint).to.equal('noData');
  });

  it('uses the demand of the workload if its pods are unknown', () => {
    const { podSignals, ...samples } = measured([pod('a'), pod('b')], { a: 0.28, b: 0.28 });
    expect(podSignals).to.have.property('cpu');
    expect(decideOn(samples).replicas).to.equal(4);
  });

  it('uses it without the demand by pod too, but does not scale down on it', () => {
    const lost = { absent: 'error', text: 'HTTP 503' } as const;
    for (const signal of ['cpu', 'starved']) {
      const busy = measured([pod('a'), pod('b')], { a: 0.28, b: 0.28 });
      const up = decideOn({ ...busy, podSignals: { ...busy.podSignals, [signal]: lost } });
      expect(up.replicas).to.equal(4);
      const calm = measured([pod('a'), pod('b')], { a: 0, b: 0 });
      expect(decideOn(calm).replicas).to.equal(1);
      const down = decideOn({ ...calm, podSignals: { ...calm.podSignals, [signal]: lost } });
      expect(down.replicas).to.equal(2);
      expect(down.trace.noScaleDown).to.deep.equal([`no data for ${signal} by pod (HTTP 503)`]);
    }
  });

  it('counts ready pods for a target value', () => {
    const rule = { ...RULE, target: { signal: 'age', value: 10 } };
    const pods = [pod('a'), pod('b'), pod('c', { ready: 'False' })];
    const samples = { ...measured(pods, { a: 0, b: 0, c: 0 }), signals: { age: at(25) } };
    const decision = decideOn({ ...samples, replicas: 3 }, { ...rule, decide: [] });
    expect(decision.replicas).to.equal(5);
    expect(decision.reason).to.equal('age 25 is 2.5× its target of 10. 5 replicas needed');
  });

  it('never goes against a target value while few pods are ready, or more than replicas', () => {
    const rule = { ...RULE, target: { signal: 'age', value: 10 }, decide: [] };
    const decisionAt = (age: number, ready: number, all: number) => {
      const pods = Array.from({ length: all }, (_, i) =>
        pod(`p${i}`, { ready: i < ready ? 'True' : 'False' }),
      );
      return decideOn({ ...samplesOf({ replicas: 10 }, { age: at(age) }), pods }, rule);
    };
    const over = decisionAt(20, 4, 10);
    expect(over.replicas, 'twice its target').to.equal(10);
    expect(over.reason).to.equal('age 20 is 2× its target of 10. 10 replicas still needed');
    expect(decisionAt(20, 8, 10).replicas, 'twice its target, most are ready').to.equal(16);
    expect(decisionAt(8, 14, 14).replicas, 'below its target, in a roll-out').to.equal(10);
  });

  it('never scales down above the target while a quota refuses pods', () => {
    const pods = [pod('a'), pod('b'), pod('c')];
    const history = { ...EMPTY_HISTORY, fewerPodsSince: NOW - 3600 };
    const samples = { ...measured(pods, { a: 0.24, b: 0.24, c: 0.24 }), replicas: 10 };
    const decision = decide(RULE, samples, history, NOW);
    expect(decision.replicas).to.equal(10);
    expect(decision.reason).to.equal(
      'CPU demand 0.72 cores; 3 pods × 0.14-core target = 0.42 (1.71×). 10 replicas still needed',
    );
  });
});

describe('a pod that is unready for lack of CPU', () => {
  const cpu = { a: 0.6, b: 0.6 };
  const starved = { a: 0.66, b: 0.66 };
  const pods = [unready('a'), unready('b')];

  it('counts at its measured demand, on which HPA does nothing', () => {
    expect(decideOn(measured(pods, cpu)).trace.bindingConstraint, 'HPA').to.equal('noData');
    const decision = decideOn(measured(pods, cpu, starved));
    expect(decision.replicas).to.equal(6);
    expect(decision.reason).to.contain('2 of them unready for lack of CPU');
  });

  it('does not count if it was never ready: start-up is not load', () => {
    const never = pod('a', { ready: 'False', startedAt: NOW - 60, readySince: NOW - 59 });
    const groups = groupPods([never], new Map([['a', { timestamp: NOW, window: 60 }]]), {
      now: NOW,
      isCpu: true,
      starved: new Set(['a']),
    });
    expect(groups.unreadyPods).to.deep.equal(['a']);
  });
});

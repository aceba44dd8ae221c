import { expect } from 'chai';
import { decide } from '../../../../scaler/core/decide-round.js';
import { detailsOf } from '../../../../scaler/core/details.js';
import { EMPTY_HISTORY, type Samples } from '../../../../scaler/core/round.js';
import type { Pod, Reading, Rule, Target } from '../../../../scaler/core/types.js';
import { fillBehavior, fillDecide } from '../../../../scaler/rules/defaults.js';
import { at, NOW, pod, ruleFor, samplesOf } from './fixtures.js';

const CPU: Target = { signal: 'cpu', averageUtilization: 70 };
const QUEUE: Target = { signal: 'queue', averageValue: 20 };
const AGE: Target = { signal: 'age', value: 30 };
const NONE: Reading = { absent: 'missing', text: 'no series' };
const AT_ONCE = fillBehavior({ scaleDown: { stabilizationWindowSeconds: 0 } });

function ruleOf(targets: readonly Target[], changes: Partial<Rule> = {}): Rule {
  const decided = fillDecide(undefined, ...targets);
  return ruleFor('web', { target: targets[0]!, targets, decide: decided, behavior: AT_ONCE, ...changes });
}

/** Pods that request 0.2 cores, sized to 0.14 of them. */
function on(rule: Rule, replicas: number, signals: Record<string, Reading>, changes: Partial<Samples> = {}) {
  const samples = samplesOf({ replicas, ...changes }, { request: at(0.2), cpu: at(0.28), ...signals });
  const history = { ...EMPTY_HISTORY, recommendations: [{ replicas: 1, at: NOW - 10 }] };
  return decide(rule, samples, history, NOW);
}

function rowsOf(decision: ReturnType<typeof on>) {
  const section = detailsOf(decision).find(({ title }) => title.startsWith('Targets'));
  return section?.rows.map(({ name, text, tone }) => `${name}: ${text}${tone ? ` [${tone}]` : ''}`);
}

describe('a rule with several targets', () => {
  it('takes the largest, names it, its class and what the others call for', () => {
    const decision = on(ruleOf([CPU, QUEUE, AGE]), 2, { queue: at(90), age: at(40) });
    expect(decision).to.include({ replicas: 5, class: 'queue', action: 'scale' });
    expect(decision.reason).to.equal(
      'queue demand 90; 2 pods × 20 target = 40 (2.3×). 5 replicas needed; cpu alone needs 2, age alone needs 3',
    );
    expect(decision.trace.wouldChange).to.equal(
      'Would change when queue demand is above 110 or below 80, or another target calls for more',
    );
    expect(rowsOf(decision)).to.deep.equal([
      'cpu: 0.28 cores, target 0.14 per pod (1×) → 2 replicas',
      'queue: 90, target 20 per pod (2.3×) → 5 replicas [good]',
      'age: 40, target 30 (1.33×) → 3 replicas',
    ]);
    expect(decision.trace.demand).to.equal(undefined);
  });

  it('says nothing of targets where there is one', () => {
    const { trace, reason } = on(ruleFor('web', { target: QUEUE }), 2, { queue: at(90) });
    expect(trace).not.to.have.property('targets');
    expect(reason).to.equal('queue demand 90; 2 pods × 20 target = 40 (2.3×). 5 replicas needed');
  });

  it('stays for the target that needs what there is, though another needs less', () => {
    const decision = on(ruleOf([CPU, QUEUE]), 4, { cpu: at(0.58), queue: at(20) });
    expect(decision).to.include({ replicas: 4, class: 'cpu' });
    expect(decision.reason).to.contain('CPU demand 0.58 cores').and.to.contain('within the 10 % tolerance');
    expect(decision.reason).to.contain('; queue alone needs 1');
  });

  it('goes down to the largest, and does not promise to go further where another needs as many', () => {
    const decision = on(ruleOf([CPU, QUEUE]), 8, { cpu: at(0.41), queue: at(60) });
    expect(decision.replicas).to.equal(3);
    expect(decision.trace.wouldChange).not.to.contain('below');
  });

  it('goes up by the others while one is absent, and never down', () => {
    const rule = ruleOf([CPU, QUEUE]);
    const up = on(rule, 2, { queue: NONE, cpu: at(0.56) });
    expect(up).to.include({ replicas: 4, class: 'cpu' });
    expect(up.reason).to.contain('; queue is unknown (no series)');
    const kept = on(rule, 8, { queue: NONE, cpu: at(0.14) });
    expect(kept).to.include({ replicas: 8 });
    expect(kept.trace.bindingConstraint).to.equal('noScaleDown');
    expect(kept.reason).to.contain('no data for queue (no series), so nothing is removed');
    expect(rowsOf(kept)).to.deep.equal([
      'cpu: 0.14 cores, target 0.14 per pod (0.11×) → 1 replica [good]',
      'queue: unknown (no series) [bad]',
    ]);
  });

  it('holds where a target has a value and no size', () => {
    // The pods request no CPU, so there is no percentage of it.
    const kept = on(ruleOf([QUEUE, CPU]), 8, { queue: at(20), request: at(0) });
    expect(kept.replicas).to.equal(8);
    expect(kept.reason).to.contain('request no CPU');
  });

  it('holds where all are absent', () => {
    const decision = on(ruleOf([CPU, QUEUE]), 8, { queue: NONE, cpu: NONE });
    expect(decision).to.include({ replicas: 8, class: 'unknown', action: 'hold' });
    expect(decision.trace.bindingConstraint).to.equal('noData');
    expect(decision.trace.targets?.some(({ decides }) => decides)).to.equal(false);
  });

  it('rations the growth by a signal, and not that by the CPU demand', () => {
    const inOne = fillBehavior({ scaleUp: { policies: [{ type: 'Pods', value: 20, periodSeconds: 15 }] } });
    const rule = ruleOf([CPU, QUEUE], { behavior: inOne, behaviorOfOthers: fillBehavior(undefined) });
    expect(on(rule, 2, { queue: at(0), cpu: at(2.1) }).replicas).to.equal(15);
    expect(on(rule, 2, { queue: at(300) }).replicas).to.equal(6);
  });

  it('weighs conditions on the ratio by the target that decides', () => {
    const decideSteps = fillDecide(
      [{ bound: 'full', when: { target: { above: 2 } }, action: 'hold' }],
      CPU,
      QUEUE,
    );
    const rule = ruleOf([CPU, QUEUE], { decide: decideSteps });
    expect(on(rule, 2, { queue: at(90) })).to.include({ class: 'full', action: 'hold', replicas: 2 });
    expect(on(rule, 2, { queue: at(70) })).to.include({ class: 'none', replicas: 4 });
  });
});

describe('a target on memory or a container', () => {
  const MIB = 2 ** 20;
  const MEMORY: Target = { signal: 'memory', resource: 'memory', averageUtilization: 80 };
  const APP: Target = { signal: 'cpu_of_app', container: 'app', averageUtilization: 60 };
  const SIDE: Target = { ...MEMORY, signal: 'memory_of_side', container: 'side' };
  const containers = [
    { name: 'app', request: 0.2, memory: 100 * MIB },
    { name: 'side', request: 0.8, memory: 50 * MIB },
  ];

  function onPods(target: Target, use: readonly number[], ...changes: Partial<Pod>[]) {
    const pods = use.map((_, index) => pod(`p${index}`, { containers, ...changes[index] }));
    const values = new Map(use.map((value, index) => [`p${index}`, value]));
    const sum = use.reduce((total, value) => total + value, 0);
    const podSignals = { [target.signal]: values, starved: new Map<string, number>() };
    return on(
      ruleOf([target], { targets: [target] }),
      use.length,
      { [target.signal]: at(sum) },
      { pods, podSignals },
    );
  }

  it('is a percentage of the memory that all containers of a pod request', () => {
    const decision = onPods(MEMORY, [150 * MIB, 150 * MIB]);
    expect(decision.replicas).to.equal(3);
    expect(decision.reason).to.equal(
      'memory demand 300 MiB; 2 pods × 120 MiB target = 240 MiB (1.25×). 3 replicas needed',
    );
    expect(decision.trace.inputs.map(({ signal }) => signal)).not.to.include('memory_request');
  });

  it('is a percentage of what its container requests, and of no other', () => {
    expect(onPods(APP, [0.2, 0.2])).to.include({ replicas: 4, class: 'cpu_of_app' });
    expect(onPods(SIDE, [40 * MIB, 40 * MIB]).replicas).to.equal(2);
    expect(onPods(SIDE, [80 * MIB, 80 * MIB]).replicas).to.equal(4);
  });

  it('counts the memory of a pod that starts, and not its CPU', () => {
    const starting = { ready: 'False', startedAt: NOW - 20, readySince: NOW - 20 };
    expect(onPods(MEMORY, [150 * MIB, 150 * MIB], {}, starting).trace.sizing?.pods?.counted).to.equal(2);
    expect(onPods(APP, [0.2, 0.2], {}, starting).trace.sizing?.pods?.counted).to.equal(1);
  });

  it('has no size where a pod lacks the request or the container', () => {
    const bare = { containers: [{ name: 'app', request: 0.2 }] };
    const unrequested = onPods(MEMORY, [1, 1], {}, bare);
    expect(unrequested.replicas).to.equal(2);
    expect(unrequested.reason).to.contain('Container app of pod p1 requests no memory');
    expect(onPods(SIDE, [1, 1], {}, bare).reason).to.contain('Pod p1 has no container side');
  });

  it('is a percentage of the mean request where the pods are not known', () => {
    const rule = ruleOf([MEMORY], { targets: [MEMORY] });
    const known = { memory: at(300 * MIB), memory_request: at(150 * MIB) };
    expect(on(rule, 2, known).replicas).to.equal(3);
    const unknown = on(rule, 2, { memory: at(10) });
    expect(unknown.replicas).to.equal(2);
    expect(unknown.reason).to.contain('No data for memory_request (not queried)');
  });
});

import { expect } from 'chai';
import { decide } from '../../../../scaler/core/decide-round.js';
import { EMPTY_HISTORY, type History, type Samples } from '../../../../scaler/core/round.js';
import type { Reading, Rule } from '../../../../scaler/core/types.js';
import { fillBehavior } from '../../../../scaler/rules/defaults.js';
import { at, decideAmong, edgeTo, keyOf, NOW, ruleFor, samplesOf, waiter, workload } from './fixtures.js';

const immediately = fillBehavior({ scaleDown: { stabilizationWindowSeconds: 0 } });

/** Decides every 10 s on the same samples with current timestamps. @returns the last decision */
function decideFor(seconds: number, rule: Rule, samples: Samples, history = EMPTY_HISTORY, from = NOW) {
  let decision = decide(rule, samples, history, from);
  for (let now = from + 10; now <= from + seconds; now += 10) {
    decision = decide(rule, sampledAt(samples, now), decision.history, now);
  }
  return decision;
}

/** Returns the samples as measured at another time. */
function sampledAt(samples: Samples, timestamp: number): Samples {
  const signals = Object.entries(samples.signals).map(([name, reading]) => [
    name,
    'absent' in reading ? reading : { ...reading, timestamp },
  ]);
  return { ...samples, signals: Object.fromEntries(signals) as Samples['signals'] };
}

describe('decide', () => {
  it('reaches the size that the demand calls for in one step', () => {
    // Demand for ten pods, most of it time spent waiting for a CPU.
    const decision = decide(ruleFor('web'), samplesOf({ replicas: 5 }, { cpu: at(7) }), EMPTY_HISTORY, NOW);
    expect(decision).to.include({ replicas: 10, class: 'cpu', action: 'scale' });
    expect(decision.reason).to.equal(
      'CPU demand 7 cores; 5 pods × 0.7-core target = 3.5 (2×). 10 replicas needed',
    );
  });

  it('does not scale a workload inside the tolerance, both ends included', () => {
    for (const cpu of [1.26, 1.4, 1.54]) {
      const decision = decide(ruleFor('web'), samplesOf({}, { cpu: at(cpu) }), EMPTY_HISTORY, NOW);
      expect(decision.replicas, `${cpu} cores`).to.equal(2);
    }
    expect(decide(ruleFor('web'), samplesOf({}, { cpu: at(1.57) }), EMPTY_HISTORY, NOW).replicas).to.equal(3);
  });

  it('scales an idle workload down after a full window, down to minReplicas', () => {
    const idle = samplesOf({ replicas: 8 }, { cpu: at(0) });
    const waiting = decideFor(290, ruleFor('web'), idle);
    expect(waiting.replicas).to.equal(8);
    expect(waiting.reason).to.equal(
      'Idle (0 cores; target 0.7 per pod). 8 or more replicas were needed in the last 300 s',
    );
    const decision = decideFor(300, ruleFor('web'), idle);
    expect(decision.replicas).to.equal(1);
    expect(decision.class).to.equal('none');
    expect(decision.trace.bindingConstraint).to.equal('minReplicas');
  });

  it('holds a disk-bound workload with high CPU demand', () => {
    const disk = samplesOf({}, { blockio: at(0.6), cpu: at(9) });
    expect(decideFor(10, ruleFor('web'), disk).class, 'before its time').to.equal('cpu');
    const decision = decideFor(20, ruleFor('web'), disk);
    expect(decision).to.include({ replicas: 2, class: 'disk', action: 'hold' });
    expect(decision.reason).to.equal(
      'Disk-bound: 60 % of busy time blocked on disk (limit 40 %) for 20 s. More replicas would add contention',
    );
  });

  const HELD: [demand: string, cores: Reading, then: RegExp][] = [
    ['more replicas', at(2.8), /\. CPU demand alone calls for 4 replicas$/],
    ['more than maxReplicas', at(21), /\. CPU demand alone calls for 30 replicas \(maxReplicas is 20\)$/],
    ['fewer replicas', at(0.7), /\. CPU demand alone calls for 1 replica$/],
    ['fewer than minReplicas', at(0), /\. CPU demand alone calls for 0 replicas \(minReplicas is 1\)$/],
    ['the current replicas', at(1.45), /\. CPU demand alone would not change the replica count$/],
    ['an unknown number of replicas', { absent: 'nan', text: 'NaN' }, /\. CPU demand is unknown$/],
  ];
  for (const [demand, cores, then] of HELD) {
    it(`explains a held workload whose demand calls for ${demand}`, () => {
      const { trace } = decideFor(20, ruleFor('web'), samplesOf({}, { blockio: at(0.6), cpu: cores }));
      expect(trace.bindingConstraint).to.equal('hold');
      expect(trace.wouldChange).to.match(
        /^Would change when at most 40 % of busy time is spent blocked on disk\. /,
      );
      expect(trace.wouldChange).to.match(then);
    });
  }

  it('holds a lock-bound workload', () => {
    const decision = decideFor(20, ruleFor('web'), samplesOf({}, { lock: at(0.8), cpu: at(0.2) }));
    expect(decision).to.include({ replicas: 2, class: 'lock', action: 'hold' });
  });

  it('matches for keepFor after its conditions cease', () => {
    const rule = ruleFor('web', {
      decide: [
        { bound: 'disk', when: { blockio: { above: 0.4 } }, for: 0, keepFor: 60, action: 'hold', maxHops: 4 },
      ],
    });
    const { history } = decide(rule, samplesOf({}, { blockio: at(0.6) }), EMPTY_HISTORY, NOW);
    const calm = sampledAt(samplesOf({}, { cpu: at(9) }), NOW + 60);
    expect(decide(rule, calm, history, NOW + 59).class).to.equal('disk');
    expect(decide(rule, calm, history, NOW + 60).class).to.equal('none');
  });

  it('restarts the time of a step when its conditions cease', () => {
    const disk = samplesOf({}, { blockio: at(0.6) });
    const { history } = decideFor(10, ruleFor('web'), disk);
    const calm = decide(ruleFor('web'), samplesOf({}, { blockio: at(0.1) }), history, NOW + 15);
    expect(decideFor(10, ruleFor('web'), disk, calm.history, NOW + 20).class).to.equal('none');
  });

  describe('on incomplete or invalid data', () => {
    const low = { cpu: at(0.1) };
    const rule = ruleFor('web', { behavior: immediately });
    const cases: [string, Record<string, Reading>][] = [
      ['missing', { lock: { absent: 'missing', text: 'no series' } }],
      ['an error', { wait: { absent: 'error', text: 'Prometheus responded with 503' } }],
      ['partial', { blockio: { absent: 'partial', text: 'a store did not respond' } }],
      ['stale', { request: at(1, NOW - 46) }],
      ['from the future', { blockio: at(0, NOW + 60) }],
      ['NaN', { wait: at(NaN) }],
      ['infinite', { lock: at(Infinity) }],
      ['negative', { blockio: at(-1) }],
      ['measured on too few pods', { pods: at(1) }],
      ['of unknown coverage', { pods: { absent: 'missing', text: 'no series' } }],
    ];
    for (const [name, signals] of cases) {
      it(`does not scale down: ${name}`, () => {
        const decision = decide(rule, samplesOf({}, { ...low, ...signals }), EMPTY_HISTORY, NOW);
        expect(decision.replicas).to.equal(2);
        expect(decision.trace.noScaleDown).to.have.lengthOf(1);
      });
    }

    it('scales down on complete data', () => {
      expect(decide(rule, samplesOf({}, low), EMPTY_HISTORY, NOW).replicas).to.equal(1);
    });

    it('does not need the signal pods if the rule does not query it', () => {
      const signals = { ...samplesOf({}, low).signals };
      delete signals['pods'];
      expect(decide(rule, { ...samplesOf(), signals }, EMPTY_HISTORY, NOW).replicas).to.equal(1);
    });

    it('still scales up on the signals that have data', () => {
      const samples = samplesOf({}, { cpu: at(4), lock: { absent: 'missing', text: 'no series' } });
      expect(decide(rule, samples, EMPTY_HISTORY, NOW).replicas).to.equal(6);
    });

    it('names the absent signal if there is no data to act on', () => {
      const samples = samplesOf({}, { cpu: { absent: 'error', text: 'nothing listens at 127.0.0.1:9090' } });
      const decision = decide(rule, samples, EMPTY_HISTORY, NOW);
      expect(decision).to.include({ replicas: 2, class: 'unknown', action: 'hold' });
      expect(decision.trace.bindingConstraint).to.equal('noData');
      expect(decision.reason).to.equal(
        'No data for cpu (nothing listens at 127.0.0.1:9090). Holding; nothing is scaled on missing data',
      );
    });

    it('requires a CPU request for a target that is a percentage of it', () => {
      const decision = decide(rule, samplesOf({}, { request: at(0) }), EMPTY_HISTORY, NOW);
      expect(decision.replicas).to.equal(2);
      expect(decision.reason).to.contain('the pods request no CPU');
    });

    it('waits for a full window of data after an outage before it scales down', () => {
      const calm = samplesOf({ replicas: 8 }, { cpu: at(0.1) });
      const outage = samplesOf({ replicas: 8 }, { cpu: { absent: 'error', text: 'refused' } });
      const rule300 = ruleFor('web');
      const before = decideFor(290, rule300, calm);
      const during = decideFor(100, rule300, outage, before.history, NOW + 300);
      const after = NOW + 410;
      const freshly = sampledAt(calm, after);
      expect(decideFor(290, rule300, freshly, during.history, after).replicas).to.equal(8);
      expect(decideFor(300, rule300, freshly, during.history, after).replicas).to.equal(1);
    });

    it('scales up at once after an outage, whatever the window against scaling up', () => {
      const slow = ruleFor('web', {
        behavior: fillBehavior({ scaleUp: { stabilizationWindowSeconds: 60 } }),
      });
      const busy = samplesOf({}, { cpu: at(4) });
      const before = decideFor(60, slow, busy);
      expect(before.replicas).to.equal(6);
      const outage = samplesOf({}, { cpu: { absent: 'error', text: 'refused' } });
      const { historyIfNotApplied } = before;
      const during = decide(slow, outage, historyIfNotApplied, NOW + 70);
      const after = sampledAt(busy, NOW + 80);
      expect(decide(slow, after, during.history, NOW + 80).replicas).to.equal(6);
    });
  });

  describe('at the edges of its range', () => {
    it('does not scale a workload at zero', () => {
      const decision = decide(ruleFor('web'), samplesOf({ replicas: 0 }), EMPTY_HISTORY, NOW);
      expect(decision.replicas).to.equal(0);
      expect(decision.trace.bindingConstraint).to.equal('scalingDisabled');
    });

    const targets: Rule['target'][] = [
      { signal: 'cpu', averageUtilization: 70 },
      { signal: 'cpu', averageValue: 0.5 },
      { signal: 'cpu', value: 4 },
    ];
    for (const target of targets) {
      it(`holds where ${Object.keys(target)[1]} meets more than Kubernetes can count`, () => {
        for (const signals of [{ cpu: at(1e306) }, { request: at(1e306) }, { cpu: at(1e16) }]) {
          if (signals.request && !('averageUtilization' in target)) continue;
          const decision = decide(ruleFor('web', { target }), samplesOf({}, signals), EMPTY_HISTORY, NOW);
          expect(decision.replicas).to.equal(2);
          expect(decision.trace.bindingConstraint).to.equal('noData');
        }
      });
    }

    it('moves into minReplicas and maxReplicas whatever is measured', () => {
      const nothing = { cpu: { absent: 'missing', text: 'no series' } } as const;
      const rule = ruleFor('web', { minReplicas: 3, maxReplicas: 5 });
      expect(decide(rule, samplesOf({ replicas: 1 }, nothing), EMPTY_HISTORY, NOW).replicas).to.equal(3);
      expect(decide(rule, samplesOf({ replicas: 9 }, nothing), EMPTY_HISTORY, NOW).replicas).to.equal(5);
    });
  });

  it('does not count a change that was not applied against the policies', () => {
    const rule = ruleFor('web', {
      behavior: fillBehavior({ scaleUp: { policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }] } }),
    });
    const busy = samplesOf({}, { cpu: at(7) });
    const first = decide(rule, busy, EMPTY_HISTORY, NOW);
    expect(first.replicas).to.equal(3);
    expect(decide(rule, busy, first.historyIfNotApplied, NOW).replicas).to.equal(3);
    const applied = decide(rule, { ...busy, replicas: 3 }, first.history, NOW);
    expect(applied.replicas).to.equal(3);
    expect(applied.trace.bindingConstraint).to.equal('scaleUpLimit');
  });

  it('sizes by averageValue in the unit of any signal', () => {
    const rule = ruleFor('worker', { target: { signal: 'queue', averageValue: 30 }, decide: [] });
    const decision = decide(rule, samplesOf({}, { queue: at(100) }), EMPTY_HISTORY, NOW);
    expect(decision.replicas).to.equal(4);
  });

  it('does not round a floating-point residue up to another replica', () => {
    const rule = ruleFor('web', { target: { signal: 'cpu', averageValue: 0.07 } });
    expect(decide(rule, samplesOf({}, { cpu: at(0.1 + 0.2 + 0.4) }), EMPTY_HISTORY, NOW).replicas).to.equal(
      6,
    );
    expect(
      decide(rule, samplesOf({ replicas: 6 }, { cpu: at(0.1 + 0.2 + 0.4) }), EMPTY_HISTORY, NOW).replicas,
    ).to.equal(10);
  });

  it('does not scale down a workload that another waits on', () => {
    const rule = ruleFor('db', { behavior: immediately });
    const samples = samplesOf({}, { cpu: at(0.1) });
    const decision = decideAmong([waiter('web', edgeTo('db', 1))], rule, samples, EMPTY_HISTORY, NOW);
    expect(decision.replicas).to.equal(2);
    expect(decision.trace.noScaleDown).to.deep.equal(['shop/web waits on it']);
  });

  it('holds a waiter and names the bottleneck', () => {
    const rule = ruleFor('web', { behavior: immediately, maxReplicas: 2, minReplicas: 2 });
    const samples = samplesOf({ edges: [edgeTo('db', 1.8)] }, { wait: at(0.9), cpu: at(0.1) });
    const { history } = decideFor(10, rule, samples);
    const db = workload('db', samplesOf({}, { cpu: at(5) }));
    const decision = decideAmong([db], rule, sampledAt(samples, NOW + 20), history, NOW + 20);
    expect(decision).to.include({ replicas: 2, class: 'dependency', action: 'follow' });
    expect(decision.trace.walk?.bottleneck?.peer).to.equal(keyOf('db'));
    expect(decision.trace.wouldChange).to.match(
      /\. CPU demand alone calls for 1 replica \(minReplicas is 2\)$/,
    );
  });

  it('scales a waiter whose own demand exceeds its target', () => {
    const samples = samplesOf({ edges: [edgeTo('db', 1.8)] }, { wait: at(0.9), cpu: at(2.8) });
    expect(decideFor(20, ruleFor('web'), samples)).to.include({ replicas: 4, class: 'cpu' });
  });

  it('keeps a history that survives JSON', () => {
    const busy = samplesOf({}, { cpu: at(7), blockio: at(0.6) });
    const { history } = decideFor(10, ruleFor('web'), busy);
    const restored = JSON.parse(JSON.stringify(history)) as History;
    expect(decide(ruleFor('web'), busy, restored, NOW + 20)).to.deep.equal(
      decide(ruleFor('web'), busy, history, NOW + 20),
    );
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import { decide } from '../../../../scaler/core/decide-round.js';
import { EMPTY_HISTORY, type History, type Samples } from '../../../../scaler/core/round.js';
import type { Absent, Pod } from '../../../../scaler/core/types.js';
import { fillBehavior } from '../../../../scaler/rules/defaults.js';
import { at, NOW, ruleFor, samplesOf } from './fixtures.js';

const RULE = ruleFor('web', {
  minReplicas: 2,
  maxReplicas: 15,
  behavior: fillBehavior({ scaleDown: { stabilizationWindowSeconds: 0 } }),
  windows: { cpu: 60 },
});
/** History that does not delay a scale-down. */
const HISTORY: History = { ...EMPTY_HISTORY, recommendations: [{ replicas: 1, at: NOW - 10 }] };

interface Draft {
  readonly phase: string;
  readonly ready: string;
  readonly age: number;
  readonly unreadyFor: number;
  readonly deleted: boolean;
  /** Null: not measured. */
  readonly cpu: number | null;
  readonly starved: number;
}

const drafts: fc.Arbitrary<readonly Draft[]> = fc.array(
  fc.record({
    phase: fc.constantFrom('Running', 'Running', 'Running', 'Pending', 'Failed'),
    ready: fc.constantFrom('True', 'True', 'False', 'Unknown'),
    age: fc.integer({ min: 90, max: 900 }),
    unreadyFor: fc.integer({ min: 0, max: 80 }),
    deleted: fc.constantFrom(false, false, false, true),
    cpu: fc.option(fc.double({ min: 0, max: 3, noNaN: true }), { freq: 4 }),
    starved: fc.constantFrom(0, 0.2, 0.3, 0.9),
  }),
  { minLength: 1, maxLength: 12 },
);

function podOf({ phase, ready, age, unreadyFor, deleted }: Draft, index: number): Pod {
  const since = ready === 'True' ? NOW - age + 5 : NOW - unreadyFor;
  const containers = [{ name: 'app', request: 0.5 }];
  return { name: `p${index}`, phase, ready, startedAt: NOW - age, readySince: since, deleted, containers };
}

function samplesFrom(pods: readonly Draft[], replicas: number): Samples {
  const measured = pods.flatMap((pod, index) => (pod.cpu === null ? [] : [{ ...pod, name: `p${index}` }]));
  const total = measured.reduce((sum, { cpu }) => sum + (cpu ?? 0), 0);
  const podSignals = {
    cpu: new Map(measured.map(({ name, cpu }) => [name, cpu ?? 0])),
    starved: new Map(measured.map(({ name, starved }) => [name, starved])),
  };
  const signals = { cpu: at(total), request: at(0.5), pods: at(measured.length) };
  return { ...samplesOf({ replicas }, signals), pods: pods.map(podOf), podSignals };
}

const replicasOf = (samples: Samples): number => decide(RULE, samples, HISTORY, NOW).replicas;
const replicas = fc.integer({ min: 2, max: 15 });

describe('sizing by arbitrary pods', () => {
  it('is within minReplicas and maxReplicas, and the same for the same input', () => {
    fc.assert(
      fc.property(drafts, replicas, (pods, current) => {
        const samples = samplesFrom(pods, current);
        expect(replicasOf(samples)).to.be.within(2, 15).and.equal(replicasOf(samples));
      }),
    );
  });

  it('never scales down while fewer pods are counted than there are replicas', () => {
    fc.assert(
      fc.property(drafts, replicas, (pods, current) => {
        const decision = decide(RULE, samplesFrom(pods, current), HISTORY, NOW);
        const counted = decision.trace.sizing?.pods?.counted ?? 0;
        if (counted < current) expect(decision.replicas).to.be.at.least(current);
      }),
    );
  });

  it('never scales down if a signal by pod, or its sum, is absent', () => {
    const absent = fc.constantFrom('missing', 'stale', 'partial', 'nan', 'error').map((why): Absent => {
      return { absent: why, text: 'for a test' };
    });
    fc.assert(
      fc.property(
        drafts,
        replicas,
        fc.constantFrom('cpu', 'starved', 'sum'),
        absent,
        (pods, current, what, lost) => {
          const whole = samplesFrom(pods, current);
          const broken =
            what === 'sum'
              ? { ...whole, signals: { ...whole.signals, cpu: lost } }
              : { ...whole, podSignals: { ...whole.podSignals, [what]: lost } };
          expect(replicasOf(broken)).to.be.at.least(current);
        },
      ),
    );
  });

  it('counts a pod that is unready for lack of CPU as if it were ready', () => {
    fc.assert(
      fc.property(drafts, replicas, (pods, current) => {
        const starving = pods.map((pod): Draft => ({ ...pod, ready: 'False', starved: 0.9 }));
        const well = starving.map((pod): Draft => ({ ...pod, ready: 'True' }));
        expect(replicasOf(samplesFrom(starving, current))).to.equal(replicasOf(samplesFrom(well, current)));
      }),
    );
  });

  it('grows with the load of measured and ready pods', () => {
    const loads = fc.array(fc.double({ min: 0, max: 3, noNaN: true }), { minLength: 2, maxLength: 12 });
    const more = fc.double({ min: 1, max: 4, noNaN: true });
    fc.assert(
      fc.property(loads, more, (cpus, factor) => {
        const podsOf = (times: number): Draft[] =>
          cpus.map((cpu) => ({
            ...{ phase: 'Running', ready: 'True', age: 900, unreadyFor: 0, deleted: false, starved: 0 },
            cpu: cpu * times,
          }));
        const [less, most] = [podsOf(1), podsOf(factor)].map((pods) =>
          replicasOf(samplesFrom(pods, cpus.length)),
        );
        expect(less).to.be.at.most(most!);
      }),
    );
  });
});

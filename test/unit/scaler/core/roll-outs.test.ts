import { expect } from 'chai';
import { decide } from '../../../../scaler/core/decide-round.js';
import type { Measures } from '../../../../scaler/core/measures.js';
import { EMPTY_HISTORY, type Samples } from '../../../../scaler/core/round.js';
import type { Pod } from '../../../../scaler/core/types.js';
import { fillBehavior } from '../../../../scaler/rules/defaults.js';
import { at, NOW, pod, ruleFor, samplesOf } from './fixtures.js';

/** Sized to 70 % of a request of 0.2 cores, by a window of 60 s, and at once in both directions. */
const AT_ONCE = { behavior: fillBehavior({ scaleDown: { stabilizationWindowSeconds: 0 } }) };
const CALM = { ...EMPTY_HISTORY, watch: { signs: 0, quiet: 60, calmSince: NOW - 3600 } };

const ten = (name: string, changes: Partial<Pod> = {}) =>
  Array.from({ length: 10 }, (_, index) => pod(`${name}-${index}`, changes));
const old = (changes: Partial<Pod> = {}) => ten('old', { readySince: NOW - 3590, ...changes });
const fresh = (changes: Partial<Pod>) => ten('new', { startedAt: NOW - 40, ...changes });

/** The reasons against removing replicas of ten, where ten pods are measured and share `cores`. */
function heldBy(pods: readonly Pod[], cores: number, changes: Partial<Samples> = {}): readonly string[] {
  const values = new Map(pods.slice(0, 10).map(({ name }) => [name, cores / 10]));
  const samples = {
    ...samplesOf({ replicas: 10, ...changes }, { cpu: at(cores), request: at(0.2), queue: at(cores) }),
    ...{ pods, podSignals: { cpu: values, starved: new Map<string, number>(), queue: values } },
  };
  const decision = decide(ruleFor('web', { ...AT_ONCE, windows: { cpu: 60 } }), samples, CALM, NOW);
  if (decision.trace.noScaleDown.length > 0) expect(decision.replicas).to.equal(10);
  else expect(decision.replicas).to.be.below(10);
  return decision.trace.noScaleDown;
}

/** A service that gets 10 requests a second, or what has reached it of them. */
function windows(arrived = 10): Pick<Samples, 'windows'> {
  const settled: Measures = {
    ...{ window: 60, timestamp: NOW, pods: 10, states: { oncpu: arrived * 0.01 }, calls: [], starved: 0 },
    requests: {
      ...{ arrived, answered: arrived, abandoned: 0, dropped: 0, inVain: 0, retried: 0 },
      ...{ outstanding: arrived * 0.01, served: arrived * 0.01, thought: { requests: 0, seconds: 0 } },
    },
  };
  return { windows: { recent: settled, settled } };
}

describe('a roll-out', () => {
  it('removes nothing while the pods that are measured are those that go', () => {
    const pods = [...old({ deleted: true }), ...fresh({ ready: 'False', readySince: NOW - 40 })];
    expect(heldBy(pods, 0.1)).to.include('10 of 10 pods have no data yet');
    expect(heldBy(pods, 0.1, windows(0))).to.include('10 of 10 pods have no data yet');
  });

  it('removes nothing while pods that have had work for a part of the window seem to do little', () => {
    const pods = [...old(), ...fresh({ readySince: NOW - 15 })];
    const expected = ['10 of 10 pods have been ready for less than a window of 60 s'];
    expect(heldBy(pods, 0.1)).to.deep.equal(expected);
    expect(heldBy(pods, 0.1, windows())).to.deep.equal([
      ...expected,
      'what is usual for its requests is not known yet',
    ]);
  });

  it('is over for sizing once every pod has been ready for a window', () => {
    expect(heldBy(ten('new', { startedAt: NOW - 100, readySince: NOW - 76 }), 0.1)).to.deep.equal([]);
  });

  it('is not what a pod does whose readiness comes and goes, or that crashes', () => {
    const [, ...others] = old();
    const flaps = pod('old-0', { readySince: NOW - 15 });
    expect(heldBy([flaps, ...others], 0.1)).to.deep.equal([]);
    const crashes = pod('old-0', { startedAt: NOW - 800, readySince: NOW - 15, crashedAt: NOW - 20 });
    expect(heldBy([crashes, ...others], 0.1)).to.deep.equal([]);
  });
});

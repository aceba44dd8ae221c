import { expect } from 'chai';
import { judge } from '../../../../scaler/core/judge.js';
import type { Measures } from '../../../../scaler/core/measures.js';
import { EMPTY_HISTORY, type History } from '../../../../scaler/core/round.js';
import type { Pod } from '../../../../scaler/core/types.js';
import { keyOf, NOW, pod, ruleFor, samplesOf } from './fixtures.js';

const MEASURES: Measures = {
  ...{ window: 60, timestamp: NOW, pods: 3, states: { oncpu: 0.1 }, calls: [] },
  requests: {
    ...{ arrived: 10, answered: 10, abandoned: 0, dropped: 0, retried: 0 },
    ...{ outstanding: 0.1, served: 0.1, thought: { requests: 0, seconds: 0 } },
  },
};

/** True if a round on three measured pods and others, of ten replicas, is one to learn from. */
function isComplete(others: readonly Pod[], history: Partial<History> = {}): boolean {
  const pods = [pod('a'), pod('b'), pod('c'), ...others];
  const samples = {
    ...samplesOf({ replicas: 10 }),
    ...{ pods, windows: { recent: MEASURES, settled: MEASURES } },
  };
  const input = { rule: ruleFor('web'), samples, history: { ...EMPTY_HISTORY, ...history } };
  return judge(new Map([[keyOf('web'), input]]), NOW).get(keyOf('web'))!.isComplete;
}

const seven = (changes: Partial<Pod>) => Array.from({ length: 7 }, (_, i) => pod(`other-${i}`, changes));

describe('a workload whose requests are measured', () => {
  it('is learnt from although some of its pods do no work', () => {
    expect(isComplete(seven({ phase: 'Pending', ready: 'False', createdAt: NOW - 3600 }))).to.equal(true);
    expect(isComplete([], { fewerPodsSince: NOW - 3600 }), 'a quota').to.equal(true);
    expect(isComplete(seven({}), { unseenSince: NOW - 3600 }), 'without an exporter').to.equal(true);
  });

  it('is not while some may be starting', () => {
    expect(isComplete(seven({ phase: 'Pending', ready: 'False', createdAt: NOW - 60 }))).to.equal(false);
    expect(isComplete([]), 'just ordered').to.equal(false);
    expect(isComplete(seven({})), 'not measured yet').to.equal(false);
  });
});

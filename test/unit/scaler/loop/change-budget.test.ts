import { expect } from 'chai';
import { ChangeBudget } from '../../../../scaler/loop/change-budget.js';

const ALL = 'the budget of 2 workloads a minute (--scale.max-changes) is spent; the next rounds go on';
const OWN =
  'the budget of 1 workload a minute in namespace a (--scale.max-changes-per-namespace) is spent; the next rounds go on';

describe('the budget of changes', () => {
  const cases: [
    title: string,
    limits: ConstructorParameters<typeof ChangeBudget>[0],
    ...takes: [at: number, namespace: string, refusal: string | undefined][],
  ][] = [
    ['is unlimited without flags', {}, [0, 'a', undefined], [0, 'a', undefined], [0, 'a', undefined]],
    [
      'limits all workloads together',
      { all: 2 },
      [0, 'a', undefined],
      [1, 'b', undefined],
      [2, 'c', ALL],
      [59.9, 'c', ALL],
      [60, 'c', undefined],
      [60.5, 'c', ALL],
      [61, 'a', undefined],
    ],
    [
      'limits each namespace',
      { perNamespace: 1 },
      [0, 'a', undefined],
      [1, 'a', OWN],
      [1, 'b', undefined],
      [60, 'a', undefined],
    ],
    [
      'is not spent by what it refuses',
      { all: 2, perNamespace: 1 },
      [0, 'a', undefined],
      [1, 'a', OWN],
      [2, 'b', undefined],
    ],
  ];
  for (const [title, limits, ...takes] of cases) {
    it(title, () => {
      let now = 0;
      const budget = new ChangeBudget(limits, () => now);
      const refusals = takes.map(([at, namespace]) => {
        now = at;
        return budget.take(namespace);
      });
      expect(refusals).to.deep.equal(takes.map(([, , refusal]) => refusal));
    });
  }
});

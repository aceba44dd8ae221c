import { expect } from 'chai';
import { ask, describe as line, HEADING, type Shadow } from '../../../../sandbox/hpa/shadow.js';
import { RANGE, scene } from './scene.js';

function askOnce(...args: Parameters<typeof scene>): Shadow {
  return ask(undefined, RANGE, scene(...args), args[0])!;
}

/** Asks at each scene, given as time, replicas, CPU of each pod in percent, and ready pods. */
function askEach(...scenes: Parameters<typeof scene>[]): Shadow {
  return scenes.reduce<Shadow | undefined>(
    (before, args) => ask(before, RANGE, scene(...args), args[0]),
    undefined,
  )!;
}

describe('an HPA as a shadow', () => {
  const rows: [what: string, scene: Parameters<typeof scene>, expected: string][] = [
    ['keeps what suits', [0, 4, 63], '4 → 4 (4 × 63/80 = 3.15), most 4 (0 s)'],
    ['grows in proportion to CPU used', [0, 2, 98], '2 → 3 (2 × 98/80 = 2.45), most 3 (0 s)'],
    ['keeps within its tolerance', [0, 2, 84], '2 → 2 (2 × 84/80 = 2.1: within 10 %), most 2 (0 s)'],
    ['sees nothing in a waiter', [0, 1, 0], '1 → 1 (1 × 0/80 = 0: minimum), most 1 (0 s)'],
    ['waits before it shrinks', [0, 3, 0], '3 → 3 (3 × 0/80 = 0: held), most 3 (0 s, held)'],
    ['adds 4 pods at a time', [0, 1, 900], '1 → 5 (1 × 900/80 = 11.25: rate limit), most 5 (0 s)'],
    ['obeys the maximum', [0, 9, 100], '9 → 10 (9 × 100/80 = 11.25: maximum), most 10 (0 s)'],
    ['leaves out young pods', [0, 4, 63, 3], '4 → 4 (3 × 63/80 = 2.36: held), most 4 (0 s, held)'],
    [
      'counts young pods as idle when it grows',
      [0, 4, 98, 2],
      '4 → 4 (4 × 49/80 = 2.45: pods not ready), most 4 (0 s)',
    ],
  ];
  for (const [what, args, expected] of rows) {
    it(what, () => {
      expect(line('cpu', askOnce(...args))).to.equal(`HPA would have: cpu   ${expected}`);
    });
  }

  it('shrinks what it has not wanted for 300 s', () => {
    expect(askEach([0, 3, 10], [285, 3, 10]).last.wanted).to.equal(3);
    expect(askEach([0, 3, 10], [285, 3, 10], [300, 3, 10]).last.wanted).to.equal(1);
  });

  it('takes what Kernscale has ordered for its own order', () => {
    const { last } = askEach([0, 1, 20], [60, 4, 10], [345, 4, 10]);
    expect(last).to.include({ wanted: 4, raw: 1, why: 'held' });
    expect(askEach([0, 1, 20], [60, 4, 10], [360, 4, 10]).last.wanted).to.equal(1);
  });

  it('does not limit an order by one that was not carried out', () => {
    expect(askEach([0, 1, 400], [14, 1, 400]).last.wanted).to.equal(5);
  });

  it('remembers the first of its highest wishes, by the sum that calls for it', () => {
    const { most, last } = askEach([0, 1, 99], [15, 4, 50], [30, 4, 65], [45, 4, 70]);
    expect(most).to.deep.equal({ second: 30, replicas: 4, wanted: 4, pods: 4, cpu: 65, raw: 4 });
    expect(last.second).to.equal(45);
  });

  it('has no new wish without metrics', () => {
    const before = askOnce(0, 2, 50);
    const blind = { ...scene(15, 2, 50), samples: new Map() };
    expect(ask(before, RANGE, blind, 15)).to.equal(before);
    expect(line('idle', ask(undefined, RANGE, blind, 15))).to.equal(
      'HPA would have: idle  nothing: no CPU metrics of its pods',
    );
  });

  it('fits 80 columns', () => {
    const longest = askEach([0, 4, 50], [105, 5, 63, 4], [120, 5, 50]);
    for (const text of [...HEADING, line('chain', longest)]) expect(text.length, text).to.be.at.most(80);
  });
});

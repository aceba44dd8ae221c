import { expect } from 'chai';
import type { Shadow, Wish } from '../../../../sandbox/hpa/shadow.js';
import {
  conclusion,
  introduction,
  tooShort,
  withReplicas,
  type Changes,
} from '../../../../sandbox/loop/story.js';
import { LEGEND } from '../../../../sandbox/loop/view.js';

const TRUTH = { alone: 2, withChain: 4, peakFrom: 60 };

function changesOf(
  written: Record<string, readonly (readonly [second: number, replicas: number])[]>,
): Changes {
  let changes: Changes = new Map();
  for (const [workload, steps] of Object.entries(written)) {
    for (const [second, replicas] of steps) changes = withReplicas(changes, workload, { second, replicas });
  }
  return changes;
}

function shadow(last: number, most: number): Shadow {
  const wish = (wanted: number): Wish => ({ second: 15, replicas: 1, wanted, pods: 1, cpu: 5, raw: 1 });
  return { history: undefined as never, most: wish(most), last: wish(last) };
}

describe('the story of a run', () => {
  const changes = changesOf({
    cpu: [
      [0, 1],
      [13, 2],
      [14, 2],
      [69, 3],
      [76, 4],
    ],
    disk: [[0, 1]],
    chain: [[0, 1]],
    idle: [
      [0, 3],
      [39, 1],
    ],
  });
  const shadows = new Map([
    ['cpu', shadow(4, 4)],
    ['idle', shadow(1, 3)],
  ]);

  it('ends with the bottleneck, then needs and outcomes', () => {
    expect(conclusion(changes, shadows, TRUTH, 120)).to.deep.equal([
      'The bottleneck is cpu: 1 → 4 replicas. chain, which waits for it, stayed at 1.',
      'workload  needs                        Kernscale                an HPA on CPU',
      'cpu       4: with the calls of chain   1 → 2 → 3 → 4 (76 s)     4',
      'disk      1: waits for its disk        1                        no CPU metrics',
      'chain     1: waits for cpu             1                        no CPU metrics',
      'lock      1: waits for its lock        not seen                 no CPU metrics',
      'idle      1: does nothing              3 → 1 (39 s)             1, most 3',
    ]);
  });

  it('asks no more of cpu than its own load before chain has its own', () => {
    const [headline, , cpu, , chain] = conclusion(changesOf({ cpu: [[0, 1]] }), new Map(), TRUTH, 20);
    expect(headline).to.equal('The bottleneck is cpu. It has not grown yet: 1.');
    expect(cpu).to.match(/^cpu +2: its load +1 +no CPU metrics$/);
    expect(chain).to.match(/^chain +1: has no load yet +not seen/);
  });

  it('fits 80 columns, however often replicas change', () => {
    const often = changesOf({ cpu: Array.from({ length: 500 }, (_, index) => [index, 1 + (index % 10)]) });
    expect(often.get('cpu')!.length).to.be.below(110);
    const lines = [
      ...conclusion(often, shadows, TRUTH, 500),
      ...conclusion(changes, shadows, TRUTH, 120),
      ...introduction(TRUTH, LEGEND),
      tooShort(1)!,
    ];
    for (const line of lines) expect(line.length, line).to.be.at.most(80);
  });

  it('calls a run too short that ends before its results mean something', () => {
    expect(tooShort(1)).to.match(/^1 s are too short to judge/);
    expect([60, 120, undefined].map(tooShort)).to.deep.equal([undefined, undefined, undefined]);
  });
});

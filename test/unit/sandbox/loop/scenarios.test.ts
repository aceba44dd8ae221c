import { expect } from 'chai';
import {
  checkScenarios,
  type ObservedDecision,
  type Observation,
} from '../../../../sandbox/loop/scenarios.js';

const TRUTH = { alone: 2, withChain: 4, peakFrom: 40 };

function decision(name: string, action: string, path: string[] = []): ObservedDecision {
  return { class: name, action, reason: '', path };
}

/** A correct run: replicas and decision per workload at 0 s, 30 s, 60 s and 90 s. */
const RIGHT: Record<string, [number[], ObservedDecision]> = {
  cpu: [[1, 2, 4, 4], decision('cpu', 'scale')],
  disk: [[1, 1, 1, 1], decision('disk', 'hold')],
  chain: [[1, 1, 1, 1], decision('dependency', 'follow', ['chain', 'cpu'])],
  lock: [[1, 1, 1, 1], decision('lock', 'hold')],
  idle: [[3, 3, 1, 1], decision('none', 'scale')],
};

function run(changes: Partial<typeof RIGHT> = {}): Observation[] {
  const lives = Object.entries({ ...RIGHT, ...changes }) as [string, [number[], ObservedDecision]][];
  return [0, 30, 60, 90].flatMap((second, moment) =>
    lives.map(([workload, [replicas, last]]) => ({
      second,
      workload,
      replicas: replicas[moment]!,
      decision: last,
    })),
  );
}

function failed(observations: Observation[]): string[] {
  return checkScenarios(observations, TRUTH).flatMap(({ workload, ok }) => (ok ? [] : [workload]));
}

describe('results of a timed run', () => {
  it('passes a correct run, and reports when each was first observed', () => {
    const results = checkScenarios(run(), TRUTH);
    expect(results.every(({ ok }) => ok)).to.equal(true);
    expect(results.map(({ workload, seconds }) => [workload, seconds])).to.deep.equal([
      ['cpu', 60],
      ['disk', 0],
      ['chain', 60],
      ['lock', 0],
      ['idle', 60],
    ]);
    expect(results[0]!.actual).to.equal('replicas 1 → 2 (30 s) → 4 (60 s)');
  });

  const wrong: [string, Partial<typeof RIGHT>, string[]][] = [
    ['cpu stayed too small', { cpu: [[1, 2, 3, 3], RIGHT['cpu']![1]] }, ['cpu']],
    ['cpu overshot', { cpu: [[1, 2, 8, 8], RIGHT['cpu']![1]] }, ['cpu']],
    ['cpu ignored its own load', { cpu: [[1, 1, 4, 4], RIGHT['cpu']![1]] }, ['cpu']],
    ['cpu did not grow with its caller', { cpu: [[4, 4, 4, 4], RIGHT['cpu']![1]] }, ['cpu', 'chain']],
    ['disk was scaled', { disk: [[1, 2, 2, 2], RIGHT['disk']![1]] }, ['disk']],
    ['disk was held for another reason', { disk: [[1, 1, 1, 1], decision('lock', 'hold')] }, ['disk']],
    ['the waiter was scaled', { chain: [[1, 1, 2, 2], RIGHT['chain']![1]] }, ['chain']],
    [
      'the walk went elsewhere',
      { chain: [[1, 1, 1, 1], decision('dependency', 'follow', ['chain', 'x'])] },
      ['chain'],
    ],
    ['lock was scaled and came back', { lock: [[1, 2, 1, 1], RIGHT['lock']![1]] }, ['lock']],
    ['idle kept its replicas', { idle: [[3, 3, 3, 3], RIGHT['idle']![1]] }, ['idle']],
  ];
  for (const [what, changes, expected] of wrong) {
    it(`fails when ${what}`, () => {
      expect(failed(run(changes))).to.deep.equal(expected);
    });
  }

  it('fails every workload of a run without observations', () => {
    expect(failed([])).to.deep.equal(['cpu', 'disk', 'chain', 'lock', 'idle']);
  });
});

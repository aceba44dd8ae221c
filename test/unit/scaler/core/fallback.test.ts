import { expect } from 'chai';
import fc from 'fast-check';
import { decide } from '../../../../scaler/core/decide-round.js';
import type { ExplainedDecision } from '../../../../scaler/core/decision.js';
import { EMPTY_HISTORY, type History, type Samples } from '../../../../scaler/core/round.js';
import type { Rule } from '../../../../scaler/core/types.js';
import { rules } from './arbitraries.js';
import { at, NOW, ruleFor, samplesOf } from './fixtures.js';

const RULE = ruleFor('web', { fallback: { after: 120, replicas: 6 } });
const NO_DATA = { absent: 'error', text: 'Prometheus is unreachable' } as const;

const OUTAGE = Object.fromEntries(
  ['cpu', 'request', 'pods', 'blockio', 'wait', 'lock'].map((signal) => [signal, NO_DATA]),
);

/** A round in which the CPU has a value, or none. */
interface Round {
  readonly cpu?: number;
  /** Replicas that another has set. */
  readonly replicas?: number;
  /** The decision is not applied. */
  readonly fails?: boolean;
}

function samplesAt(now: number, replicas: number, cpu: number | undefined): Samples {
  if (cpu === undefined) return samplesOf({ replicas }, OUTAGE);
  const values = { cpu, request: 1, pods: replicas, blockio: 0, wait: 0, lock: 0 };
  const signals = Object.entries(values).map(([name, value]) => [name, at(value, now)] as const);
  return samplesOf({ replicas }, Object.fromEntries(signals));
}

/** Decides 10 s apart, each round on the outcome of the one before. */
function run(rule: Rule, rounds: readonly Round[], start = 2): ExplainedDecision[] {
  let state: { history: History; replicas: number } = { history: EMPTY_HISTORY, replicas: start };
  return rounds.map(({ cpu, replicas = state.replicas, fails }, index) => {
    const now = NOW + 10 * index;
    // A restart keeps what is JSON.
    const history = JSON.parse(JSON.stringify(state.history)) as History;
    const decision = decide(rule, samplesAt(now, replicas, cpu), history, now);
    state = fails
      ? { history: decision.historyIfNotApplied, replicas }
      : { history: decision.history, replicas: decision.replicas };
    return decision;
  });
}

const absent = (count: number): Round[] => Array.from({ length: count }, () => ({}));

describe('a fallback', () => {
  it('raises replicas once data has been absent for its time, and says since when', () => {
    const decisions = run(RULE, [{ cpu: 1.4 }, ...absent(14)]);
    const replicas = decisions.map((decision) => decision.replicas);
    expect(replicas).to.deep.equal([...Array<number>(13).fill(2), 6, 6]);
    const [before, raised, held] = decisions.slice(12).map(({ reason, trace }) => ({
      reason,
      constraint: trace.bindingConstraint,
      wouldChange: trace.wouldChange,
    }));
    const lack = 'Prometheus is unreachable since 2023-11-14T22:13:30Z';
    expect(before).to.deep.equal({
      reason: `${lack}. Holding; nothing is scaled on missing data`,
      constraint: 'noData',
      wouldChange:
        'Would change when all signals have data, or at 2023-11-14T22:15:30Z by the fallback to 6 replicas',
    });
    expect(raised).to.include({
      reason: `${lack}. The fallback keeps at least 6 replicas`,
      constraint: 'fallback',
    });
    expect(held).to.include({ constraint: 'noData' });
    expect(held!.wouldChange).to.equal('Would change when all signals have data');
  });

  const cases: [title: string, rule: Rule, rounds: Round[], start: number, last: number][] = [
    ['never lowers them', RULE, absent(20), 9, 9],
    ['stays within maxReplicas', { ...RULE, maxReplicas: 4 }, absent(20), 2, 4],
    ['begins anew once there was data', RULE, [...absent(10), { cpu: 1.4 }, ...absent(12)], 2, 2],
    ['raises but once in an absence', RULE, [...absent(14), { replicas: 3 }, ...absent(20)], 2, 3],
    ['tries again what was not applied', RULE, [...absent(12), { fails: true }, {}], 2, 6],
    ['is of no effect without its field', ruleFor('web'), absent(40), 2, 2],
    ['leaves a workload at 0 alone', RULE, absent(20), 0, 0],
  ];
  for (const [title, rule, rounds, start, last] of cases) {
    it(title, () => {
      expect(run(rule, rounds, start).at(-1)!.replicas).to.equal(last);
    });
  }

  it('lets replicas go down only a window after data is back', () => {
    const decisions = run(RULE, [...absent(14), ...Array.from({ length: 40 }, () => ({ cpu: 0.7 }))]);
    const first = decisions.findIndex(({ replicas }, index) => index > 13 && replicas < 6);
    expect(first).to.be.at.least(14 + 30);
    expect(decisions.at(-1)!.replicas).to.equal(1);
  });

  it('yields to a pause', () => {
    const restrictions = { pause: { reason: '' }, faults: [] };
    expect(run({ ...RULE, restrictions }, absent(20)).at(-1)!.replicas).to.equal(2);
  });

  it('never lowers replicas, and raises them at most once, whatever the rule and the gap', () => {
    const fallback = fc.record({
      after: fc.constantFrom(1, 60, 120),
      replicas: fc.integer({ min: 1, max: 40 }),
    });
    const start = fc.integer({ min: 0, max: 50 });
    fc.assert(
      fc.property(
        rules,
        fallback,
        start,
        fc.integer({ min: 1, max: 40 }),
        (rule, given, replicas, length) => {
          const from = replicas === 0 ? 0 : Math.min(Math.max(replicas, rule.minReplicas), rule.maxReplicas);
          const decisions = run({ ...rule, fallback: given }, absent(length), from);
          let last = from;
          let raises = 0;
          for (const decision of decisions) {
            expect(decision.replicas).to.be.at.least(last);
            if (decision.replicas > last) raises++;
            last = decision.replicas;
          }
          expect(raises).to.be.at.most(1);
          expect(last).to.be.at.most(Math.max(from, Math.min(given.replicas, rule.maxReplicas)));
        },
      ),
    );
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import { decide } from '../../../../scaler/core/decide-round.js';
import type { ExplainedDecision } from '../../../../scaler/core/decision.js';
import type { Writer } from '../../../../scaler/core/other-writers.js';
import { EMPTY_HISTORY, type History, type Samples } from '../../../../scaler/core/round.js';
import type { Reading, Rule } from '../../../../scaler/core/types.js';
import { at, NOW, ruleFor, samplesOf } from './fixtures.js';

const ACTIVATION = 'activation_1_web';
const IDLE = { after: 300, replicas: 0, activation: { signal: ACTIVATION, above: 0 } };
const RULE = withIdle({});
const NO_DATA = { absent: 'missing', text: 'no series' } as const;
const OWN: Writer = { generation: 1, template: 'a' };

function withIdle(idle: Partial<typeof IDLE>, changes: Partial<Rule> = {}): Rule {
  const rule = ruleFor('web', { minReplicas: 2, ...changes });
  return { ...rule, maxAge: { ...rule.maxAge, [ACTIVATION]: 45 }, idle: { ...IDLE, ...idle } };
}

interface Round {
  /** Undefined: absent. */
  readonly activation?: number | undefined;
  readonly cpu?: number | undefined;
  /** Replicas that another has set. */
  readonly replicas?: number;
  readonly writer?: Writer;
  readonly rule?: Rule;
  /** Seconds after the round before. */
  readonly pause?: number;
}

const QUIET: Round = { activation: 0, cpu: 0.01 };
const rounds = (count: number, round: Round = QUIET): Round[] => Array.from({ length: count }, () => round);

function samplesAt(now: number, replicas: number, { activation, cpu, writer }: Round): Samples {
  const value = (one: number | undefined): Reading => (one === undefined ? NO_DATA : at(one, now));
  const running = replicas > 0 ? cpu : undefined;
  const known = (one: number): Reading => (running === undefined ? NO_DATA : at(one, now));
  return samplesOf(
    { replicas, ...(writer && { writer }) },
    {
      [ACTIVATION]: value(activation),
      cpu: value(running),
      request: known(1),
      pods: known(replicas),
      blockio: known(0),
      wait: known(0),
      lock: known(0),
    },
  );
}

/** Decides 10 s apart, each round on the outcome of the one before. */
function run(rule: Rule, given: readonly Round[], start = 2): ExplainedDecision[] {
  let state: { history: History; replicas: number } = { history: EMPTY_HISTORY, replicas: start };
  let now = NOW;
  return given.map((round) => {
    now += round.pause ?? 10;
    const replicas = round.replicas ?? state.replicas;
    const history = JSON.parse(JSON.stringify(state.history)) as History;
    const decision = decide(round.rule ?? rule, samplesAt(now, replicas, round), history, now);
    state = { history: decision.history, replicas: decision.replicas };
    return decision;
  });
}

const last = (rule: Rule, given: readonly Round[], start?: number) => run(rule, given, start).at(-1)!;

describe('a workload with nothing to do', () => {
  it('sleeps after its time without activation and demand, and says so', () => {
    const decisions = run(RULE, rounds(33));
    expect(decisions.map(({ replicas }) => replicas)).to.deep.equal([
      ...Array<number>(30).fill(2),
      ...Array<number>(3).fill(0),
    ]);
    const [falls, sleeps] = decisions.slice(30);
    expect(falls!.reason).to.equal('Neither activation nor demand for 5 min, so it sleeps');
    expect(sleeps!.reason).to.equal('Idle: activation is 0, not above 0');
    expect(sleeps!.trace.bindingConstraint).to.equal('idle');
    expect(sleeps!.trace.wouldChange).to.equal('Would change when activation is above 0, or cannot be read');
  });

  const asleep = rounds(32);
  const cases: [title: string, given: Round[], replicas: number, rule?: Rule, start?: number][] = [
    ['wakes in the first round with activation', [...asleep, { activation: 3 }], 2],
    ['sleeps on at the limit of the activation', [...rounds(40)], 1, withIdle({ replicas: 1 })],
    ['does not sleep with activation', rounds(60, { activation: 1, cpu: 0 }), 2],
    ['does not sleep with demand', rounds(60, { activation: 0, cpu: 0.5 }), 2],
    ['does not sleep without activation data', rounds(60, { cpu: 0 }), 2],
    ['does not sleep without demand data', rounds(60, { activation: 0 }), 2],
    ['begins its time anew after activation', [...rounds(25), { ...QUIET, activation: 1 }, ...rounds(25)], 2],
    ['begins its time anew after a gap', [...rounds(25), { activation: 0 }, ...rounds(25)], 2],
    ['begins its time anew after a pause', [...rounds(25), { ...QUIET, pause: 900 }, ...rounds(10)], 2],
    [
      'sleeps on while its activation cannot be read for less than its maxAge',
      [...asleep, ...rounds(4, {})],
      0,
    ],
    ['wakes when its activation cannot be read for its maxAge', [...asleep, ...rounds(6, {})], 2],
    ['does not sleep again while it cannot', [...asleep, ...rounds(80, { cpu: 0 })], 2],
    ['does not sleep while a schedule keeps replicas', rounds(60), 2, withIdle({}, { schedules: [day(2)] })],
    [
      'wakes when a schedule keeps replicas',
      [...asleep, { ...QUIET, rule: withIdle({}, { schedules: [day(3)] }) }],
      3,
    ],
    ['wakes when its rule loses idle', [...asleep, { rule: ruleFor('web', { minReplicas: 2 }) }], 2],
    [
      'wakes by demand, where some replicas are left',
      [...asleep, { activation: 0, cpu: 2 }],
      2,
      withIdle({ replicas: 1 }),
    ],
    [
      'stays at the 0 of a human',
      [...rounds(5), { activation: 9, replicas: 0 }, ...rounds(9, { activation: 9 })],
      0,
    ],
    ['stays at 0 from the start', rounds(5, { activation: 9 }), 0, RULE, 0],
    ['wakes from its own 0 without a history', [{ activation: 9, writer: OWN }], 2, RULE, 0],
    [
      'stays at the 0 of another writer',
      [{ activation: 9, writer: { ...OWN, manager: 'kubectl' } }],
      0,
      RULE,
      0,
    ],
    [
      'has no fallback while it sleeps',
      [...asleep, ...rounds(40)],
      0,
      withIdle({}, { fallback: { after: 60, replicas: 9 } }),
    ],
  ];
  for (const [title, given, replicas, rule = RULE, start] of cases) {
    it(title, () => {
      const decision = last(rule, given, start);
      expect(decision.replicas, decision.reason).to.equal(replicas);
    });
  }

  it('shrinks to minReplicas first', () => {
    const replicas = run(RULE, rounds(70), 6).map((decision) => decision.replicas);
    expect([...new Set(replicas)]).to.deep.equal([6, 2, 0]);
  });

  it('says what woke it', () => {
    expect(last(RULE, [...asleep, { activation: 3 }]).reason).to.equal(
      'Activation is 3, above 0: woken to minReplicas (2)',
    );
    const woken = run(RULE, [...asleep, ...rounds(6, {})]).find(({ trace }) => trace.sleep?.wakes);
    expect(woken!.reason).to.equal(
      'The activation cannot be read since 2023-11-14T22:18:50Z (no series), and nothing sleeps on missing data: woken to minReplicas (2)',
    );
  });

  it('says whose 0 it is', () => {
    expect(last(RULE, rounds(5, { activation: 9 }), 0).reason).to.equal(
      'At 0 replicas, which this rule did not set, scaling is off; set replicas by hand to turn it on',
    );
  });

  it('stays asleep while it is paused, and wakes afterwards', () => {
    const paused = { ...RULE, restrictions: { pause: { reason: '' }, faults: [] } };
    const given = [...asleep, ...rounds(3, { activation: 9, rule: paused })];
    expect(last(RULE, given).replicas).to.equal(0);
    expect(last(RULE, [...given, { activation: 9 }]).replicas).to.equal(2);
  });

  it('goes to sleep only after its whole time of data that shows neither, whatever the rounds', () => {
    const value = fc.option(fc.constantFrom(0, 0, 0, 1), { nil: undefined, freq: 20 });
    const cpu = fc.option(fc.constantFrom(0, 0.01, 0.01, 1), { nil: undefined, freq: 20 });
    const round = fc.record({ activation: value, cpu });
    const idle = fc.record({ after: fc.constantFrom(10, 30, 60), replicas: fc.constantFrom(0, 1) });
    fc.assert(
      fc.property(idle, fc.array(round, { minLength: 1, maxLength: 40 }), (given, inputs) => {
        const decisions = run(withIdle(given), inputs);
        for (const [index, { replicas, trace }] of decisions.entries()) {
          if (replicas >= 2 || trace.currentReplicas < 2) continue;
          const seen = inputs.slice(Math.max(0, index - given.after / 10), index + 1);
          expect(seen).to.have.length(given.after / 10 + 1);
          for (const one of seen) expect([one.activation, one.cpu! <= 0.01]).to.deep.equal([0, true]);
        }
      }),
    );
  });
});

function day(minReplicas: number) {
  return { name: 'day', timeZone: 'UTC', start: '0 0 * * *', end: '59 23 * * *', minReplicas };
}

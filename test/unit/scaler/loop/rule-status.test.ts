import { expect } from 'chai';
import { differs, statusOf, type RuleStatus } from '../../../../scaler/loop/rule-status.js';
import { RuleStatuses } from '../../../../scaler/loop/rule-statuses.js';
import type { DecisionRecord } from '../../../../scaler/loop/record.js';
import { SCALING_RULE } from '../../../../scaler/rules/custom-resource.js';
import type { ScalingRule } from '../../../../scaler/rules/scaling-rules.js';
import {
  byHarm,
  decisionOf,
  demandOf,
  harmOf,
  healthy,
  AS_USUAL,
  ON_DISK,
  RULE,
  type Made,
} from '../core/traces.js';
import { recordOf } from '../decisions.js';

const NOW = 1_700_000_000;
const OBJECT: ScalingRule = { namespace: 'shop', name: 'web', generation: 3, spec: {} };

function record(made: Made, changes: Partial<DecisionRecord> = {}): DecisionRecord {
  return { ...recordOf(RULE, decisionOf(made)), group: SCALING_RULE.plural, scale: 'shop/web', ...changes };
}

/** `Type=Status/Reason` of each condition. */
function statesOf({ conditions }: RuleStatus): string[] {
  return conditions.map(({ type, status, reason }) => `${type}=${status}/${reason}`);
}

const demand = demandOf(10);
const CASES: [what: string, errors: string[] | undefined, records: DecisionRecord[], states: string[]][] = [
  [
    'a decision as usual',
    undefined,
    [record({ demand, harm: healthy(AS_USUAL), bindingConstraint: 'none' })],
    [
      'AbleToScale=True/Ready',
      'ScalingActive=True/Decided',
      'ScalingLimited=False/WithinLimits',
      'Harmed=False/AsUsual',
    ],
  ],
  [
    'harm by a disk',
    undefined,
    [record({ demand, harm: harmOf('disk', ON_DISK), ...byHarm('disk', 'hold'), bindingConstraint: 'hold' })],
    [
      'AbleToScale=True/Ready',
      'ScalingActive=True/Decided',
      'ScalingLimited=False/WithinLimits',
      'Harmed=True/Disk',
    ],
  ],
  [
    'missing data, at the upper limit of a shadow rule',
    undefined,
    [
      record({ bindingConstraint: 'noData' }),
      record({ bindingConstraint: 'maxReplicas' }, { workload: 'db', dryRun: true }),
    ],
    [
      'AbleToScale=False/Shadow',
      'ScalingActive=False/NoData',
      'ScalingLimited=True/MaxReplicas',
      'Harmed=Unknown/NotMeasured',
    ],
  ],
  [
    'a failed write',
    undefined,
    [record({}, { outcome: 'failed', error: { code: 'API_FORBIDDEN', message: 'no right to it' } })],
    [
      'AbleToScale=False/ScaleFailed',
      'ScalingActive=True/Decided',
      'ScalingLimited=False/WithinLimits',
      'Harmed=Unknown/NotMeasured',
    ],
  ],
  [
    'no workload',
    undefined,
    [],
    [
      'AbleToScale=False/NoWorkload',
      'ScalingActive=False/NoWorkload',
      'ScalingLimited=Unknown/NoWorkload',
      'Harmed=Unknown/NoWorkload',
    ],
  ],
  [
    'an invalid rule',
    ['maxReplicas is missing'],
    [],
    [
      'AbleToScale=False/InvalidRule',
      'ScalingActive=False/InvalidRule',
      'ScalingLimited=Unknown/InvalidRule',
      'Harmed=Unknown/InvalidRule',
    ],
  ],
];

describe('the status of a ScalingRule', () => {
  for (const [what, errors, records, states] of CASES)
    it(`tells ${what}`, () => {
      const status = statusOf(OBJECT, errors, records, undefined, NOW);
      expect(statesOf(status)).to.deep.equal(states);
      expect(status.observedGeneration).to.equal(3);
      expect(status.workloads).to.equal(records.length);
    });

  it('keeps the time of a condition that stays, and takes the words of the decision', () => {
    const calm = statusOf(OBJECT, undefined, [record({ demand, harm: healthy(AS_USUAL) })], undefined, NOW);
    const harm = harmOf('disk', ON_DISK);
    const decided = record({ demand, harm, ...byHarm('disk', 'hold') });
    const { conditions } = statusOf(OBJECT, undefined, [decided], calm, NOW + 60);
    const times = conditions.map(({ lastTransitionTime }) => Date.parse(lastTransitionTime) / 1000 - NOW);
    expect(times).to.deep.equal([0, 0, 0, 60]);
    expect(conditions[3]!.message).to.equal(decided.reason);
  });

  it('differs by states and sizes, not by words', () => {
    const of = (made: Made) => statusOf(OBJECT, undefined, [record(made)], undefined, NOW);
    expect(differs(of({ demand: demandOf(10) }), of({ demand: demandOf(10.1) }))).to.equal(false);
    expect(differs(of({}), of({ replicas: 5 }))).to.equal(true);
    expect(differs(undefined, of({}))).to.equal(true);
  });
});

describe('writing the status of ScalingRules', () => {
  const rules = Array.from({ length: 5 }, (_, i): ScalingRule => ({ ...OBJECT, name: `r${i}` }));
  const records = rules.map(({ name }) => record({ demand }, { scale: `shop/${name}` }));

  it('writes what changed at once, and one message a round', async () => {
    const written: string[] = [];
    const write = ({ name }: ScalingRule) => Promise.resolve(void written.push(name));
    const statuses = new RuleStatuses({ write, log: { warn: () => undefined } });
    const update = (all = records) => statuses.update(rules, new Map(), all, NOW);
    await update();
    expect(written.splice(0)).to.have.members(['r0', 'r1', 'r2', 'r3', 'r4']);
    await update();
    await update();
    expect(new Set(written).size, 'another one each time').to.equal(2);
    expect(written.splice(0)).to.have.length(2);
    await update(records.map((one, i) => (i === 3 ? { ...one, replicas: 9 } : one)));
    expect(written.splice(0)).to.include('r3').and.to.have.length(2);
  });

  it('tries again what could not be written', async () => {
    let attempts = 0;
    const write = () => (++attempts === 1 ? Promise.reject(new Error('away')) : Promise.resolve());
    const statuses = new RuleStatuses({ write, log: { warn: () => undefined } });
    const update = () => statuses.update(rules.slice(0, 1), new Map(), records, NOW);
    await update();
    await update();
    expect(attempts).to.equal(2);
  });
});

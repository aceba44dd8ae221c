import { expect } from 'chai';
import type { FleetRule } from '../../../../scaler/rules/types.js';
import { errorsOf, REF, ruleOf, ruleWith } from './fixtures.js';

function groupWith(defaults: string, ...lines: string[]): string {
  return `groups:
  - name: shop
    defaults: ${defaults}
    rules:
      - scale: web
        ${REF}
${lines.map((line) => `        ${line}\n`).join('')}`;
}

describe('the defaults of a group', () => {
  it('are fields of every rule that does not have them itself', () => {
    const text = groupWith('{minReplicas: 2, maxReplicas: 30, behavior: null}', 'minReplicas: 3');
    const { minReplicas, maxReplicas, behavior } = ruleOf(text);
    expect({ minReplicas, maxReplicas, behavior }).to.deep.equal({
      minReplicas: 3,
      maxReplicas: 30,
      behavior: null,
    });
  });

  it('are replaced as whole fields', () => {
    const text = groupWith(
      '{maxReplicas: 9, target: {signal: cpu, averageValue: 2}}',
      'target: {signal: cpu}',
    );
    expect(ruleOf(text).target).to.deep.equal({ signal: 'cpu', averageUtilization: 70 });
  });

  it('know that mode and dryRun say the same', () => {
    expect(ruleOf(groupWith('{maxReplicas: 9, mode: shadow}', 'dryRun: false')).dryRun).to.equal(false);
    expect(ruleOf(groupWith('{maxReplicas: 9, dryRun: true}')).dryRun).to.equal(true);
  });

  const errors: [title: string, text: string, ...errors: string[]][] = [
    [
      'a maximum in neither place',
      groupWith('{minReplicas: 2}'),
      'RULE_MISSING_FIELD 5:9 maxReplicas is missing; it must be a number',
    ],
    [
      'a bad value, once, where it stands',
      `${groupWith('{maxReplicas: 9, target: {signal: cpuu, value: 1}}')}      - scale: other
        scaleTargetRef: {kind: Deployment, namespace: shop, name: other}
`,
      'RULE_UNKNOWN_SIGNAL 3:49 unknown signal "cpuu"; did you mean "cpu"?',
    ],
    [
      'a value that a field of the rule contradicts',
      groupWith('{maxReplicas: 9}', 'minReplicas: 10'),
      'RULE_CONFLICT 7:22 minReplicas 10 is above maxReplicas 9',
    ],
  ];
  it('name no workload', () => {
    const [error] = errorsOf(groupWith('{maxReplicas: 9, match: {kind: Deployment}}'));
    expect(error).to.match(/^RULE_UNKNOWN_FIELD 3:32 unknown field "match" in defaults; known fields are /);
  });

  for (const [title, text, ...expected] of errors) {
    it(`are checked for ${title}`, () => {
      expect(errorsOf(text)).to.deep.equal(expected);
    });
  }
});

describe('the mode of a rule', () => {
  for (const [line, dryRun] of [
    ['mode: shadow', true],
    ['mode: active', false],
    ['dryRun: true', true],
    ['labels: {}', false],
  ] as const) {
    it(`is ${dryRun ? 'shadow' : 'active'} with ${line}`, () => {
      expect(ruleOf(ruleWith(line)).dryRun).to.equal(dryRun);
    });
  }

  it('must not contradict dryRun', () => {
    expect(errorsOf(ruleWith('mode: active', 'dryRun: true'))).to.deep.equal([
      'RULE_CONFLICT 8:9 mode active and dryRun true contradict each other; keep mode',
    ]);
    expect(errorsOf(ruleWith('mode: shadow', 'dryRun: true'))).to.deep.equal([]);
  });
});

describe('namespaces of a match', () => {
  const fleet = (match: string) => ruleWith().replace(REF, `match: {kind: Deployment, ${match}}`);
  it('are a list, or one', () => {
    const namespaces = (match: string) => (ruleOf(fleet(match)) as unknown as FleetRule).match.namespaces;
    expect(namespaces('namespaces: [shop, billing]')).to.deep.equal(['shop', 'billing']);
    expect(namespaces('namespace: shop')).to.deep.equal(['shop']);
    expect(namespaces('selector: {}')).to.equal(undefined);
  });

  it('stand in one place', () => {
    expect(errorsOf(fleet('namespace: shop, namespaces: [billing]'))).to.deep.equal([
      'RULE_CONFLICT 5:52 match.namespace and match.namespaces are mutually exclusive; keep one of them',
    ]);
    expect(errorsOf(fleet('namespaces: []'))).to.deep.equal([
      'RULE_OUT_OF_RANGE 5:47 match.namespaces must not be empty',
    ]);
  });
});

import { expect } from 'chai';
import { formatRuleError, parseRules } from '../../scaler/rules/load.js';
import { errorsOf, REF, ruleWith, SHORTEST } from './rules-fixtures.js';

describe('an error in a rule file', () => {
  const cases: [what: string, text: string, ...errors: string[]][] = [
    [
      'misspelt field',
      ruleWith('minReplica: 2'),
      'RULE_UNKNOWN_FIELD 7:9 unknown field "minReplica"; did you mean "minReplicas"?',
    ],
    [
      'misspelt field deep down',
      ruleWith('behavior: {scaleUp: {stabilisationWindowSeconds: 3}}'),
      'RULE_UNKNOWN_FIELD 7:30 unknown field "stabilisationWindowSeconds" in behavior.scaleUp; did you mean "stabilizationWindowSeconds"?',
    ],
    [
      'unknown field like no other',
      SHORTEST.replace('    rules:', '    colour: red\n    rules:'),
      'RULE_UNKNOWN_FIELD 3:5 unknown field "colour"; known are name, interval, window, signals, rules',
    ],
    [
      'missing field',
      SHORTEST.replace(/ *maxReplicas.*\n/, ''),
      'RULE_MISSING_FIELD 4:9 maxReplicas is missing; it must be a number',
    ],
    [
      'wrong type',
      ruleWith('minReplicas: "2"'),
      'RULE_WRONG_TYPE 7:22 minReplicas must be a number, not "2"',
    ],
    [
      'fraction of a replica',
      ruleWith('minReplicas: 2.5'),
      'RULE_WRONG_TYPE 7:22 minReplicas must be a whole number, not 2.5',
    ],
    [
      'zero replicas, at which a workload has no signals',
      ruleWith('minReplicas: 0'),
      'RULE_OUT_OF_RANGE 7:22 minReplicas must be at least 1, not 0',
    ],
    [
      'limits crossed',
      ruleWith('minReplicas: 21'),
      'RULE_CONFLICT 7:22 minReplicas 21 is above maxReplicas 20',
    ],
    [
      'wrong choice',
      ruleWith('behavior: {scaleUp: {selectPolicy: max}}'),
      'RULE_WRONG_VALUE 7:44 behavior.scaleUp.selectPolicy must be "Max" or "Min" or "Disabled", not "max"; did you mean "Max"?',
    ],
    [
      'duration without a unit',
      ruleWith('decide: [{bound: disk, when: {blockio: {above: 0.4}}, for: 20, action: hold}]'),
      'RULE_WRONG_TYPE 7:68 decide[0].for must be a duration such as 90s, 5m or 1h30m, not 20',
    ],
    [
      'unknown signal',
      ruleWith('decide: [{bound: disk, when: {blckio: {above: 0.4}}, action: hold}]'),
      'RULE_UNKNOWN_SIGNAL 7:39 no signal is named "blckio"; did you mean "blockio"?',
    ],
    [
      'condition without a limit',
      ruleWith('decide: [{bound: disk, when: {blockio: {}}, action: hold}]'),
      'RULE_MISSING_FIELD 7:48 the condition on blockio needs above or below',
    ],
    [
      'condition that nothing meets',
      ruleWith('decide: [{bound: disk, when: {blockio: {above: 0.4, below: 0.4}}, action: hold}]'),
      'RULE_CONFLICT 7:48 nothing is above 0.4 and below 0.4',
    ],
    [
      'percentage of the request of what is not CPU',
      ruleWith('target: {signal: wait, averageUtilization: 70}'),
      'RULE_CONFLICT 7:17 target needs averageValue or value: averageUtilization is a share of the CPU request, and "wait" is not CPU',
    ],
    [
      'nothing to scale',
      SHORTEST.replace(REF, 'minReplicas: 1'),
      'RULE_MISSING_FIELD 4:9 nothing to scale: name one workload with scaleTargetRef, or many with match',
    ],
    [
      'two things to scale',
      ruleWith('match: {kind: Deployment}'),
      'RULE_CONFLICT 7:9 scaleTargetRef and match exclude each other; keep one',
    ],
    [
      'kind of an API that is not named',
      SHORTEST.replace('Deployment', 'Rollout'),
      'RULE_MISSING_FIELD 5:25 scaleTargetRef.apiVersion is missing; only Deployment and StatefulSet go without it (apps/v1)',
    ],
    [
      'name used twice',
      `${SHORTEST}      - scale: web\n        scaleTargetRef: {kind: Deployment, namespace: shop, name: db}\n        maxReplicas: 3\n`,
      'RULE_DUPLICATE_NAME 7:16 the name "web" is taken by another rule of this group; choose another',
    ],
    ['duplicate key', ruleWith('maxReplicas: 3'), 'RULE_DUPLICATE_KEY 7:9 Map keys must be unique'],
    ['no list of groups', 'groups: shop\n', 'RULE_WRONG_TYPE 1:9 groups must be a list, not "shop"'],
    ['no mapping at all', 'shop\n', 'RULE_WRONG_TYPE 1:1 the file must be a mapping, not "shop"'],
  ];
  for (const [what, text, ...errors] of cases) {
    it(`is located and explained: ${what}`, () => {
      expect(errorsOf(text)).to.deep.equal(errors);
    });
  }

  it('does not hide the others', () => {
    const text = ruleWith('minReplicas: 30', 'dryrun: yes', 'target: {signal: cpuu}', 'labels: [a]');
    expect(parseRules('r.yaml', text).errors.map(({ code }) => code)).to.deep.equal([
      'RULE_CONFLICT',
      'RULE_UNKNOWN_FIELD',
      'RULE_CONFLICT',
      'RULE_UNKNOWN_SIGNAL',
      'RULE_WRONG_TYPE',
    ]);
  });

  it('reads as file:line:column with its group and rule', () => {
    const [error] = parseRules('rules/shop.yaml', ruleWith('minReplica: 2')).errors;
    expect(formatRuleError(error!)).to.equal(
      'rules/shop.yaml:7:9: group "shop", rule "web": unknown field "minReplica"; did you mean "minReplicas"?',
    );
  });
});

describe('PromQL in a rule file', () => {
  const withExpr = (expr: string) =>
    SHORTEST.replace('    rules:', `    signals:\n      cpu: {expr: ${expr}}\n    rules:`);
  const cases: [expr: string, error: string][] = [
    ["'sum(rate(x[1m])'", '4:35 signal "cpu": the PromQL ends too early: something is missing at its end'],
    ["'summ(x)'", '4:20 signal "cpu": PromQL has no function "summ"'],
    ["'sum(x) ! y'", '4:27 signal "cpu": the PromQL cannot be read from character 8 on, at "! y"'],
    [
      "'x[5m]'",
      '4:20 signal "cpu": the expression gives a range of samples; put it into rate() or another function over time',
    ],
    ['"1"', '4:20 signal "cpu": the expression gives a bare number; a signal is one number per workload'],
  ];
  for (const [expr, error] of cases) {
    it(`is checked: ${expr}`, () => {
      expect(errorsOf(withExpr(expr))).to.deep.equal([`RULE_PROMQL ${error}`]);
    });
  }

  it('needs an expression where no built-in signal has the name', () => {
    const text = SHORTEST.replace('    rules:', '    signals: {blckio: {maxAge: 1m}}\n    rules:');
    expect(errorsOf(text)).to.deep.equal([
      'RULE_MISSING_FIELD 3:23 signal "blckio" has no expr and is none of the built-in ones; did you mean "blockio"?',
    ]);
  });
});

import { expect } from 'chai';
import { formatRuleError, parseRules } from '../../../../scaler/rules/load.js';
import { errorsOf, REF, ruleWith, SHORTEST } from './fixtures.js';

describe('an error in a rule file', () => {
  const cases: [title: string, text: string, ...errors: string[]][] = [
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
      'unknown field without a similar one',
      SHORTEST.replace('    rules:', '    colour: red\n    rules:'),
      'RULE_UNKNOWN_FIELD 3:5 unknown field "colour"; known fields are name, interval, window, signals, defaults, rules',
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
      'zero replicas',
      ruleWith('minReplicas: 0'),
      'RULE_OUT_OF_RANGE 7:22 minReplicas must be at least 1, not 0',
    ],
    [
      'interval that is shorter than a round',
      SHORTEST.replace('    rules:', '    interval: 1ms\n    rules:'),
      'RULE_OUT_OF_RANGE 3:15 interval must be at least 1s and at most 300s, not 1ms',
    ],
    [
      'workload whose name has a space',
      SHORTEST.replace('name: web', 'name: my web'),
      'RULE_WRONG_VALUE 5:67 scaleTargetRef.name must be a name of Kubernetes: lower-case letters, digits, - and ., not "my web"',
    ],
    [
      'kind with a NUL',
      SHORTEST.replace('kind: Deployment', 'kind: "Deployment\\0"'),
      'RULE_WRONG_VALUE 5:32 scaleTargetRef.kind must be a kind of Kubernetes, such as Deployment, not "Deployment\\u0000"',
    ],
    [
      'namespace with a space at its end',
      SHORTEST.replace(REF, 'match: {kind: Deployment, namespace: "shop "}'),
      'RULE_WRONG_VALUE 5:46 match.namespace must be a name of Kubernetes: lower-case letters, digits, - and ., not "shop "',
    ],
    [
      'rule whose name has a line break',
      SHORTEST.replace('scale: web', 'scale: "web\\n"'),
      'RULE_WRONG_VALUE 4:16 scale must be text without control characters or spaces around it, not "web\\n"',
    ],
    [
      'group whose name begins with a space',
      SHORTEST.replace('name: shop', 'name: " shop"'),
      'RULE_WRONG_VALUE 2:11 name must be text without control characters or spaces around it, not " shop"',
    ],
    [
      'limits crossed',
      ruleWith('minReplicas: 21'),
      'RULE_CONFLICT 7:22 minReplicas 21 is above maxReplicas 20',
    ],
    [
      'a fallback beyond the limits',
      ruleWith('fallback: {after: 0s, replicas: 21}'),
      'RULE_OUT_OF_RANGE 7:27 after must be longer than 0s',
      'RULE_CONFLICT 7:41 fallback.replicas 21 is above maxReplicas 20',
    ],
    [
      'wrong choice',
      ruleWith('behavior: {scaleUp: {selectPolicy: max}}'),
      'RULE_WRONG_VALUE 7:44 behavior.scaleUp.selectPolicy must be "Max", "Min" or "Disabled", not "max"; did you mean "Max"?',
    ],
    [
      'duration without a unit',
      ruleWith('decide: [{bound: disk, when: {blockio: {above: 0.4}}, for: 20, action: hold}]'),
      'RULE_WRONG_TYPE 7:68 decide[0].for must be a duration such as 90s, 5m or 1h30m, not 20',
    ],
    [
      'unknown signal',
      ruleWith('decide: [{bound: disk, when: {blckio: {above: 0.4}}, action: hold}]'),
      'RULE_UNKNOWN_SIGNAL 7:39 unknown signal "blckio"; did you mean "blockio"?',
    ],
    [
      'step without conditions that no cause of harm matches',
      ruleWith('decide: [{bound: dsk, action: hold}]'),
      'RULE_MISSING_FIELD 7:26 no cause of harm is named "dsk"; did you mean "disk"?',
    ],
    [
      'step without conditions for a class of its own',
      ruleWith('decide: [{bound: batches, action: hold}]'),
      'RULE_MISSING_FIELD 7:26 no cause of harm is named "batches"; causes are cpu, disk, dependency, lock; another class needs conditions in when',
    ],
    [
      'step without an action that exists',
      ruleWith('decide: [{bound: lock, action: steps}]'),
      'RULE_WRONG_VALUE 7:40 decide[0].action must be "scale", "hold", "follow" or "step", not "steps"; did you mean "step"?',
    ],
    [
      'harm by a faster response',
      ruleWith('harm: {latency: 1}'),
      'RULE_OUT_OF_RANGE 7:25 harm.latency must be above 1, not 1',
    ],
    [
      'share of clients that is none',
      ruleWith('harm: {abandoned: 5}'),
      'RULE_OUT_OF_RANGE 7:27 harm.abandoned must be below 1, not 5',
    ],
    [
      'backlog of no time',
      ruleWith('harm: {backlog: 0s}'),
      'RULE_OUT_OF_RANGE 7:25 backlog must be longer than 0s',
    ],
    [
      'misspelt threshold of harm',
      ruleWith('harm: {round: 2}'),
      'RULE_UNKNOWN_FIELD 7:16 unknown field "round" in harm; did you mean "rounds"?',
    ],
    [
      'condition without a limit',
      ruleWith('decide: [{bound: disk, when: {blockio: {}}, action: hold}]'),
      'RULE_MISSING_FIELD 7:48 the condition on blockio needs above, below or both',
    ],
    [
      'condition that no value meets',
      ruleWith('decide: [{bound: disk, when: {blockio: {above: 0.4, below: 0.4}}, action: hold}]'),
      'RULE_CONFLICT 7:48 no value is above 0.4 and below 0.4; above must be less than below',
    ],
    [
      'target above what can be counted',
      ruleWith('target: {averageValue: 1e306}'),
      'RULE_OUT_OF_RANGE 7:32 averageValue must be at most 9007199254740, not 1e+306',
    ],
    [
      'target of a suffix above what can be counted',
      ruleWith('target: {signal: wait, value: 9E}'),
      'RULE_OUT_OF_RANGE 7:39 value must be at most 9007199254740, not 9E',
    ],
    [
      'negative target',
      ruleWith('target: {averageValue: -5}'),
      'RULE_OUT_OF_RANGE 7:32 target.averageValue must be at least 0, not -5',
    ],
    [
      'infinite target',
      ruleWith('target: {signal: wait, value: .inf}'),
      'RULE_WRONG_VALUE 7:39 target.value must be a number from 0 on or a quantity such as 500m, not Infinity',
    ],
    [
      'percentage of the CPU request for another signal',
      ruleWith('target: {signal: wait, averageUtilization: 70}'),
      'RULE_CONFLICT 7:17 target on "wait" needs averageValue or value; averageUtilization, a percentage of the request, applies only to cpu and memory',
    ],
    [
      'nothing to scale',
      SHORTEST.replace(REF, 'minReplicas: 1'),
      'RULE_MISSING_FIELD 4:9 no workload to scale; set scaleTargetRef for one workload or match for many',
    ],
    [
      'two things to scale',
      ruleWith('match: {kind: Deployment}'),
      'RULE_CONFLICT 7:9 scaleTargetRef and match are mutually exclusive; keep one of them',
    ],
    [
      'kind without its API version',
      SHORTEST.replace('Deployment', 'Rollout'),
      'RULE_MISSING_FIELD 5:25 scaleTargetRef.apiVersion is missing; only Deployment and StatefulSet default to apps/v1',
    ],
    [
      'name used twice',
      `${SHORTEST}      - scale: web\n        scaleTargetRef: {kind: Deployment, namespace: shop, name: db}\n        maxReplicas: 3\n`,
      'RULE_DUPLICATE_NAME 7:16 the name "web" is already used by another rule of this group; rename one of them',
    ],
    [
      'duplicate keys, with the other errors',
      ruleWith('maxReplicas: 3', 'target: {signal: cpu, signal: cpu}', 'minReplica: 1'),
      'RULE_DUPLICATE_KEY 7:9 duplicate key "maxReplicas", already given on line 6; keep one of them',
      'RULE_DUPLICATE_KEY 8:31 duplicate key "signal", already given on line 8; keep one of them',
      'RULE_UNKNOWN_FIELD 9:9 unknown field "minReplica"; did you mean "minReplicas"?',
    ],
    [
      'workload that two rules scale, with the other errors',
      `${SHORTEST}      - {scale: db, ${REF}, maxReplica: 3}\n`,
      'RULE_MISSING_FIELD 7:9 maxReplicas is missing; it must be a number',
      'RULE_DUPLICATE_TARGET 7:9 shop/Deployment/web is already scaled by the rule at r.yaml:4; keep one of them',
      'RULE_UNKNOWN_FIELD 7:85 unknown field "maxReplica"; did you mean "maxReplicas"?',
    ],
    [
      'group named twice, in another document',
      `${SHORTEST}---\n${SHORTEST.replaceAll('web', 'db')}`,
      'RULE_DUPLICATE_NAME 9:11 the name "shop" is already used by another group of this file; rename one of them',
    ],
    ['NaN', ruleWith('minReplicas: .nan'), 'RULE_WRONG_TYPE 7:22 minReplicas must be a number, not NaN'],
    [
      'latency without a unit, quantile out of range',
      ruleWith('objective: {latency: 50, quantile: 1}'),
      'RULE_WRONG_TYPE 7:30 objective.latency must be a duration such as 90s, 5m or 1h30m, not 50',
      'RULE_OUT_OF_RANGE 7:44 objective.quantile must be below 1, not 1',
    ],
    [
      'missing duration',
      ruleWith('objective: {}'),
      'RULE_MISSING_FIELD 7:20 objective.latency is missing; it must be a duration such as 90s, 5m or 1h30m',
    ],
    [
      'invalid quantity',
      ruleWith('target: {averageValue: 5x}', 'behavior: {scaleUp: {tolerance: -1}}', 'labels: {a: 1}'),
      'RULE_WRONG_VALUE 7:32 target.averageValue must be a number from 0 on or a quantity such as 500m, not "5x"',
      'RULE_OUT_OF_RANGE 8:41 behavior.scaleUp.tolerance must be at least 0, not -1',
      'RULE_WRONG_TYPE 9:21 labels.a must be a string, not 1',
    ],
    [
      'quantity of another type',
      ruleWith('target: {averageValue: [5]}'),
      'RULE_WRONG_VALUE 7:32 target.averageValue must be a number from 0 on or a quantity such as 500m, not a list',
    ],
    [
      'invalid name of a signal',
      SHORTEST.replace('    rules:', '    signals: {queue-length: {expr: x}}\n    rules:'),
      'RULE_WRONG_VALUE 3:15 "queue-length" must be a name of letters, digits and underscores',
    ],
    [
      'empty list',
      ruleWith('behavior: {scaleUp: {policies: []}}'),
      'RULE_OUT_OF_RANGE 7:40 behavior.scaleUp.policies must not be empty',
    ],
    [
      'long string in place of a list',
      `groups: ${'x'.repeat(1000)}\n`,
      `RULE_WRONG_TYPE 1:9 groups must be a list, not "${'x'.repeat(59)}…`,
    ],
    [
      'selector that Kubernetes would reject',
      SHORTEST.replace(
        REF,
        'match: {kind: Deployment, selector: {matchExpressions: [{key: a, operator: In}, {key: b, operator: Exists, values: [c]}]}}',
      ),
      'RULE_MISSING_FIELD 5:65 operator In requires values',
      'RULE_CONFLICT 5:124 operator Exists takes no values; remove them',
    ],
    [
      'kind in lower case',
      SHORTEST.replace('Deployment', 'deployment'),
      'RULE_MISSING_FIELD 5:25 scaleTargetRef.apiVersion is missing; only Deployment and StatefulSet default to apps/v1; did you mean "Deployment"?',
    ],
    [
      'null in place of a rule',
      'groups:\n  - name: shop\n    rules:\n      -\n',
      'RULE_WRONG_TYPE 4:8 the rule must be a mapping, not null',
    ],
    ['string in place of groups', 'groups: shop\n', 'RULE_WRONG_TYPE 1:9 groups must be a list, not "shop"'],
    ['string in place of the file', 'shop\n', 'RULE_WRONG_TYPE 1:1 the file must be a mapping, not "shop"'],
  ];
  for (const [title, text, ...errors] of cases) {
    it(`is located and explained: ${title}`, () => {
      expect(errorsOf(text)).to.deep.equal(errors);
    });
  }

  it('does not hide other errors', () => {
    const text = ruleWith('minReplicas: 30', 'dryrun: yes', 'target: {signal: cpuu}', 'labels: [a]');
    expect(parseRules('r.yaml', text).errors.map(({ code }) => code)).to.deep.equal([
      'RULE_CONFLICT',
      'RULE_UNKNOWN_FIELD',
      'RULE_CONFLICT',
      'RULE_UNKNOWN_SIGNAL',
      'RULE_WRONG_TYPE',
    ]);
  });

  it('is formatted as file:line:column with its group and rule', () => {
    const [error] = parseRules('rules/shop.yaml', ruleWith('minReplica: 2')).errors;
    expect(formatRuleError(error!)).to.equal(
      'rules/shop.yaml:7:9: group "shop", rule "web": unknown field "minReplica"; did you mean "minReplicas"?',
    );
  });
});

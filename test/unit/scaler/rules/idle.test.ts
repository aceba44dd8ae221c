import { expect } from 'chai';
import { parseRules } from '../../../../scaler/rules/load.js';
import { errorsOf, REF, ruleOf, ruleWith } from './fixtures.js';

const QUEUE = 'sum(rabbitmq_queue_messages{queue="orders"})';

function idleWith(fields: string): string {
  return ruleWith(`idle: {${fields}}`);
}

describe('idle of a rule', () => {
  it('has a signal of its own, whose number is that of the workload', () => {
    const text = idleWith(`after: 30m, activation: {expr: '${QUEUE}'}`);
    const { idle, maxAge } = ruleOf(text);
    expect(idle).to.deep.equal({
      after: 1800,
      replicas: 0,
      activation: { signal: 'activation_1_web', above: 0 },
    });
    expect(maxAge).to.include({ activation_1_web: 45 });
    const { expr, byNewest } = parseRules('r.yaml', text).groups[0]!.signals['activation_1_web']!;
    expect(byNewest).to.equal(true);
    expect(expr.replaceAll('\n', '')).to.equal(
      `label_replace(label_replace(label_replace(${QUEUE}, "namespace", "shop", "", ""), "workload", "web", "", ""), "workload_kind", "Deployment", "", "")`,
    );
  });

  const errors: [title: string, fields: string, ...errors: string[]][] = [
    [
      'an expression that is no PromQL',
      "after: 5m, activation: {expr: 'sum('}",
      'RULE_PROMQL 7:51 activation: the PromQL ends too early; check that every parenthesis is closed',
    ],
    [
      'an expression of a scalar',
      "after: 5m, activation: {expr: '1'}",
      'RULE_PROMQL 7:47 activation: the expression returns a scalar; a signal is an instant vector with one sample per workload',
    ],
    [
      'as many replicas as minReplicas',
      `after: 5m, replicas: 1, activation: {expr: '${QUEUE}'}`,
      'RULE_CONFLICT 7:37 idle.replicas 1 is not below minReplicas 1',
    ],
    [
      'no time',
      `after: 0s, activation: {expr: '${QUEUE}'}`,
      'RULE_OUT_OF_RANGE 7:23 after must be longer than 0s',
    ],
  ];
  for (const [title, fields, ...expected] of errors) {
    it(`must not have ${title}`, () => {
      expect(errorsOf(idleWith(fields))).to.deep.equal(expected);
    });
  }

  it('of a fleet needs the labels of a workload', () => {
    const fleet = (expr: string) =>
      idleWith(`after: 5m, activation: {expr: '${expr}'}`).replace(REF, 'match: {kind: Deployment}');
    expect(errorsOf(fleet('sum by (queue) (rabbitmq_queue_messages)'))).to.deep.equal([
      'RULE_PROMQL 7:46 activation: the result has no label namespace or workload or workload_kind, so it is of no workload; aggregate by (namespace, workload, workload_kind)',
    ]);
    expect(errorsOf(fleet('sum by (namespace, workload, workload_kind) (jobs)'))).to.deep.equal([]);
  });
});

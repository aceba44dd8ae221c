import { expect } from 'chai';
import { parseRules } from '../../../../scaler/rules/load.js';
import { errorsOf, ruleOf, ruleWith, SHORTEST } from './fixtures.js';

describe('targets of a rule', () => {
  const errors: [title: string, text: string, ...errors: string[]][] = [
    [
      'both target and targets',
      ruleWith('target: {averageValue: 1}', 'targets: [{averageUtilization: 70}]'),
      'RULE_CONFLICT 7:9 target and targets are mutually exclusive; move the one into the list of the others',
    ],
    ['an empty list', ruleWith('targets: []'), 'RULE_OUT_OF_RANGE 7:18 targets must not be empty'],
    [
      'two on one signal, one of them by default',
      ruleWith(
        'targets: [{averageUtilization: 70}, {signal: wait, value: 1}, {signal: cpu, averageValue: 2}]',
      ),
      'RULE_CONFLICT 7:71 targets[0] is on signal "cpu", too; keep one of them',
    ],
    [
      'an unknown signal and a missing figure',
      ruleWith('targets: [{averageUtilization: 70}, {signal: request, averageValue: 1}, {signal: requests}]'),
      'RULE_CONFLICT 7:81 target on "requests" needs averageValue or value; averageUtilization, a percentage of the request, applies only to cpu and memory',
    ],
    [
      'a container of a signal that has none',
      ruleWith('targets: [{signal: requests, container: app, averageValue: 1}]'),
      'RULE_CONFLICT 7:38 container applies only to the signals cpu and memory, not to "requests"; remove it',
    ],
    [
      'no name of a container',
      ruleWith(`targets: [{container: 'a"}', averageValue: 1}]`),
      'RULE_WRONG_VALUE 7:31 targets[0].container must be the name of a container, not "a\\"}"',
    ],
    [
      'two of one container',
      ruleWith('targets: [{}, {container: app}, {container: app, averageValue: 1}]'),
      'RULE_CONFLICT 7:41 targets[1] is on signal "cpu_of_app", too; keep one of them',
    ],
    [
      'a misspelt signal',
      ruleWith('targets: [{signal: concurency, averageValue: 1}]'),
      'RULE_UNKNOWN_SIGNAL 7:28 unknown signal "concurency"; did you mean "concurrency"?',
    ],
    [
      'two figures, and one that is too small',
      ruleWith('targets: [{averageUtilization: 7, averageValue: 1}, {signal: requests, averageValue: 0}]'),
      'RULE_CONFLICT 7:19 averageUtilization and averageValue are mutually exclusive; keep one of them',
      'RULE_OUT_OF_RANGE 7:94 averageValue must be at least 0.001',
    ],
  ];
  for (const [title, text, ...expected] of errors) {
    it(`must not be ${title}`, () => {
      expect(errorsOf(text)).to.deep.equal(expected);
    });
  }

  const expressions: [title: string, text: string, ...errors: string[]][] = [
    [
      'without a name for its signal',
      ruleWith('target: {expr: m, averageValue: 1}'),
      'RULE_MISSING_FIELD 7:17 a target with expr needs signal, a name for what it measures',
    ],
    [
      'under the name of a signal',
      ruleWith('targets: [{signal: lock, expr: m, averageValue: 1}]'),
      'RULE_CONFLICT 7:28 "lock" is a signal already; give what expr measures another name, or remove expr',
    ],
    [
      'with a percentage',
      ruleWith('target: {signal: queue, expr: m, averageUtilization: 70}'),
      'RULE_CONFLICT 7:17 target on "queue" needs averageValue or value; averageUtilization, a percentage of the request, applies only to cpu and memory',
    ],
    [
      'with an unknown variable',
      ruleWith(`target: {signal: queue, expr: 'sum(m{a="$name"})', averageValue: 1}`),
      'RULE_PROMQL 7:49 signal "queue": unknown variable $name; there are $namespace, $workload, $kind, $pods',
    ],
    [
      'that is broken, with an age of no expression beside it',
      ruleWith(`targets: [{maxAge: 1m}, {signal: queue, averageValue: 1, expr: 'summ(m)'}]`),
      "RULE_CONFLICT 7:20 maxAge applies only to a target with expr; set that of a group's signal in signals",
      'RULE_PROMQL 7:73 signal "queue": unknown PromQL function "summ"',
    ],
  ];
  for (const [title, text, ...expected] of expressions) {
    it(`have no expression ${title}`, () => {
      expect(errorsOf(text)).to.deep.equal(expected);
    });
  }

  const QUEUE = `{signal: queue, expr: 'sum(m{ns="$namespace", q="$workload"})', averageValue: 20}`;

  it('have an expression of the workload, whose age and range count', () => {
    const text = ruleWith(
      `target: {signal: queue, expr: 'sum(rate(m{q="$workload"}[5m]))', averageValue: 20, maxAge: 2m}`,
      'decide: [{bound: full, when: {queue: {above: 90}}, action: hold}]',
    );
    const rule = ruleOf(text);
    expect(rule.target).to.deep.equal({ signal: 'queue', averageValue: 20 });
    expect([rule.maxAge['queue'], rule.windows['queue']]).to.deep.equal([120, 300]);
    const { signals } = parseRules('r.yaml', text).groups[0]!;
    expect(signals['shop/web/queue']?.expr).to.contain('sum(rate(m{q="web"}[5m]))');
  });

  it('have one query for a fleet where that is possible, and a warning where it is not', () => {
    const lint = (target: string) => {
      const text = ruleWith(`target: ${target}`).replace(/scaleTargetRef.*/, 'match: {kind: Deployment}');
      const { groups, warnings } = parseRules('r.yaml', text, { scrapeInterval: 15 });
      const found = warnings.map(({ code, line, column }) => `${code} ${line}:${column}`);
      return [Object.hasOwn(groups[0]!.signals, 'shop/web/queue'), found];
    };
    expect(lint(QUEUE)).to.deep.equal([true, []]);
    const apart = QUEUE.replace('"$workload"', '"q-$workload"');
    expect(lint(apart)).to.deep.equal([false, ['LINT_QUERY_PER_WORKLOAD 7:39']]);
    const zero = QUEUE.replace('})', '}) or vector(0)');
    expect(lint(zero)[1]).to.deep.equal(['LINT_QUERY_PER_WORKLOAD 7:39', 'LINT_DEFAULT_VALUE 7:82']);
  });

  it('are several, each with a step of its own, or one', () => {
    const several = ruleOf(
      ruleWith('targets:', '  - {averageUtilization: 60}', '  - {signal: requests, averageValue: 100}'),
    );
    const cpu = { signal: 'cpu', averageUtilization: 60 };
    expect(several.target).to.deep.equal(cpu);
    expect(several.targets).to.deep.equal([cpu, { signal: 'requests', averageValue: 100 }]);
    const bounds = several.decide.map(({ bound }) => bound);
    expect(bounds).to.deep.equal(['disk', 'cpu', 'requests', 'dependency', 'lock']);
    const one = ruleOf(ruleWith('targets: [{averageUtilization: 60}]'));
    expect(one).to.deep.include({
      ...ruleOf(ruleWith('target: {averageUtilization: 60}')),
      source: one.source,
    });
  });

  it('grow by the CPU demand in one step, and by others as HPA does, unless the rule has policies', () => {
    const policies = (rule: ReturnType<typeof ruleOf>) =>
      [rule.behavior, rule.behaviorOfOthers].map((one) => one?.scaleUp.policies.map(({ value }) => value));
    const both = '[{averageUtilization: 60}, {signal: requests, averageValue: 100}]';
    expect(policies(ruleOf(ruleWith(`targets: ${both}`)))).to.deep.equal([[20], [4, 100]]);
    expect(policies(ruleOf(ruleWith('targets: [{averageValue: 1}]')))).to.deep.equal([[20], undefined]);
    const own = 'behavior: {scaleUp: {policies: [{type: Pods, value: 2, periodSeconds: 60}]}}';
    expect(policies(ruleOf(ruleWith(`targets: ${both}`, own)))).to.deep.equal([[2], undefined]);
  });

  it('add a built-in signal only where a rule or an override names it', () => {
    const signals = (text: string) => Object.keys(parseRules('r.yaml', text).groups[0]!.signals);
    expect(signals(SHORTEST)).not.to.include.oneOf(['requests', 'concurrency']);
    const used = signals(ruleWith('targets: [{signal: requests, averageValue: 100}]'));
    expect(used).to.include('requests').and.not.to.include('concurrency');
    const when = 'decide: [{bound: busy, when: {concurrency: {above: 5}}, action: hold}]';
    expect(signals(ruleWith(when))).to.include('concurrency');
    const memory = signals(ruleWith('targets: [{signal: memory, averageUtilization: 80}]'));
    expect(memory).to.include.members(['memory', 'memory_request']);
    const app = signals(ruleWith('targets: [{}, {container: app, averageValue: 2}]'));
    expect(app).to.include('cpu_of_app').and.not.to.include('request_of_app');
  });
});

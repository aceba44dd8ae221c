import { expect } from 'chai';
import { freshnessSelectors, HEARTBEAT } from '../../../../scaler/promql/freshness.js';
import { checkPromql } from '../../../../scaler/promql/check.js';
import { parseMatchers, withMatchers } from '../../../../scaler/promql/matchers.js';
import { selectorsOf } from '../../../../scaler/promql/syntax.js';
import { parseRules } from '../../../../scaler/rules/load.js';
import { restricted } from '../../../../scaler/rules/restrict.js';
import { errorCode, errorMessage } from '../../../../common/errors.js';

const A = 'cluster="a"';

describe('label matchers of an option', () => {
  it('are taken with and without braces', () => {
    for (const text of [A, `{${A}}`, ` { ${A} , } `]) expect(parseMatchers(text), text).to.equal(A);
    expect(parseMatchers('cluster=~"a|b",env!=\'x\'')).to.equal('cluster=~"a|b", env!=\'x\'');
  });

  for (const text of [
    '',
    '{}',
    'a',
    'cluster',
    'cluster=a',
    'cluster="a',
    'cluster=~"("',
    '__name__="x"',
    'cluster="a"} or m{b="c"',
    'cluster="a"}[5m]',
  ]) {
    it(`are refused as ${text || 'an empty text'}`, () => {
      try {
        expect.fail(parseMatchers(text));
      } catch (error) {
        expect(errorCode(error), errorMessage(error)).to.equal('BAD_FLAG');
        expect(errorMessage(error)).to.contain(`"${text}" is no label matcher; write it like cluster="eu-1"`);
      }
    });
  }
});

describe('withMatchers', () => {
  for (const [expr, expected] of [
    ['a', `a{${A}}`],
    ['a{}', `a{${A}}`],
    ['a{b="c"}', `a{${A}, b="c"}`],
    ['rate(a{b="}"}[1m] offset 5m) / on (b) c', `rate(a{${A}, b="}"}[1m] offset 5m) / on (b) c{${A}}`],
    [
      'sum by (a) (label_replace(a, "b", "c", "", ""))',
      `sum by (a) (label_replace(a{${A}}, "b", "c", "", ""))`,
    ],
    ['vector(1)', 'vector(1)'],
  ] as const) {
    it(`restricts every selector of ${expr}`, () => {
      expect(withMatchers(expr, A)).to.equal(expected);
    });
  }
});

describe('a group that is restricted to a cluster', () => {
  const [given] = parseRules(
    'r.yaml',
    `groups:
  - name: shop
    signals:
      cpu: { maxAge: 20s }
      queue: { expr: 'sum by (namespace, workload, workload_kind) (queue_length)' }
      lock: { expr: 'sum by (namespace, workload, workload_kind) (kernscale_locks{zone="b"})' }
    rules:
      - scale: cart
        scaleTargetRef: { kind: Deployment, namespace: shop, name: cart }
        maxReplicas: 20
        objective: { latency: 50ms }
`,
  ).groups;
  const { signals, podSignals, windows } = restricted(given!, A);
  const { queue, lock, ...builtIn } = signals;
  const exprs = [builtIn, podSignals, windows.recent.parts, windows.settled.parts].flatMap((queries) =>
    Object.values<{ readonly expr: string }>(queries).map(({ expr }) => expr),
  );

  it('asks for that cluster in every selector of what is built in, and of its age', () => {
    expect(exprs).to.have.length.above(10);
    for (const expr of exprs) {
      expect(checkPromql(expr), expr).to.equal(undefined);
      for (const selector of selectorsOf(expr)) expect(selector).to.contain(A);
      expect(freshnessSelectors(expr)).to.deep.equal([`kernscale_state_seconds_total{${A}, state="oncpu"}`]);
    }
  });

  it('leaves expressions of the file alone', () => {
    expect([queue, lock]).to.deep.equal([given!.signals['queue'], given!.signals['lock']]);
    expect(freshnessSelectors(lock!.expr)).to.deep.equal([
      'kernscale_state_seconds_total{zone="b", state="oncpu"}',
    ]);
  });

  it('is as it was without the option', () => {
    expect(restricted(given!, undefined)).to.equal(given);
    expect(freshnessSelectors(given!.signals['cpu']!.expr)).to.deep.equal([HEARTBEAT]);
  });
});

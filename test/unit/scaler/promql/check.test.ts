import { expect } from 'chai';
import { errorsOf, ruleOf, SHORTEST } from '../rules/fixtures.js';

describe('PromQL in a rule file', () => {
  const SCALAR =
    'the expression returns a scalar; a signal is an instant vector with one sample per workload';
  const RANGE = 'a range vector is used where an instant vector is expected; wrap it in rate()';
  const withExpr = (expr: string) =>
    SHORTEST.replace('    rules:', `    signals:\n      cpu: {expr: ${expr}}\n    rules:`);
  const cases: [expr: string, error: string][] = [
    [
      "'sum(rate(x[1m])'",
      '4:35 signal "cpu": the PromQL ends too early; check that every parenthesis is closed',
    ],
    ["'summ(x)'", '4:20 signal "cpu": unknown PromQL function "summ"'],
    ["'sum(x) ! y'", '4:27 signal "cpu": PromQL syntax error at "! y"'],
    [
      "'x[5m]'",
      '4:20 signal "cpu": the expression returns a range vector; wrap it in rate() or another function of a range',
    ],
    [
      '"1"',
      '4:20 signal "cpu": the expression returns a scalar; a signal is an instant vector with one sample per workload',
    ],
    ["'-(time() + 1)'", `4:20 signal "cpu": ${SCALAR}`],
    ["'scalar(x)'", `4:20 signal "cpu": ${SCALAR}`],
    ["'rate(x)'", '4:20 signal "cpu": rate() needs a range vector; add a range such as [5m]'],
    ["'sum(x[5m])'", `4:24 signal "cpu": ${RANGE}`],
    ["'abs((x[5m] offset 1h))'", `4:25 signal "cpu": ${RANGE}`],
    ["'x[5m] + 1'", `4:20 signal "cpu": ${RANGE}`],
    [`'x{a=~"("}'`, '4:25 signal "cpu": invalid regular expression; Prometheus uses RE2 syntax'],
    ["'x{a!~`*b`}'", '4:25 signal "cpu": invalid regular expression; Prometheus uses RE2 syntax'],
    [`'x{a=~"b[c"}'`, '4:25 signal "cpu": invalid regular expression; Prometheus uses RE2 syntax'],
    [`'x{a=~"b\\.c"}'`, '4:27 signal "cpu": unknown escape sequence \\.; write \\\\. for a backslash'],
    [`'x{a=~"(?!b).*"}'`, '4:25 signal "cpu": invalid regular expression; Prometheus uses RE2 syntax'],
    [`'x{a=~"[z-a]"}'`, '4:25 signal "cpu": invalid regular expression; Prometheus uses RE2 syntax'],
    [
      "'{}'",
      '4:20 signal "cpu": the selector matches every series; add a metric name or a label that must not be empty',
    ],
    [
      `'sum({a=~".*", b!~"c", d=""})'`,
      '4:24 signal "cpu": the selector matches every series; add a metric name or a label that must not be empty',
    ],
    ["'histogram_quantile(x)'", '4:20 signal "cpu": histogram_quantile() takes 2 arguments, not 1'],
    ["'sum(abs())'", '4:24 signal "cpu": abs() takes 1 argument, not 0'],
    ["'rate(x[5m], 3)'", '4:20 signal "cpu": rate() takes 1 argument, not 2'],
    ["'round(x, 1, 2)'", '4:20 signal "cpu": round() takes 1 to 2 arguments, not 3'],
    [`'label_join(x, "a")'`, '4:20 signal "cpu": label_join() takes at least 3 arguments, not 2'],
    ["'topk(x)'", '4:20 signal "cpu": topk() takes 2 arguments, not 1'],
    ["'sum by (a) (x, y)'", '4:20 signal "cpu": sum() takes 1 argument, not 2'],
    ["'sum(x[5m] anchored)'", `4:24 signal "cpu": ${RANGE}`],
    ["'rate(x[5m + 1m])'", '4:25 signal "cpu": a range must be a duration, such as [5m] or [1h30m]'],
  ];
  for (const [expr, error] of cases) {
    it(`is checked: ${expr}`, () => {
      expect(errorsOf(withExpr(expr))).to.deep.equal([`RULE_PROMQL ${error}`]);
    });
  }

  const good: [expr: string, seconds: number][] = [
    ['rate(x[300])', 300],
    ['rate(x[1h30m] offset 1w) > bool time()', 5400],
    ['quantile_over_time(0.9, (rate(x[5m])[1h:1m]) @ end())', 3600],
    ['predict_linear(x[5m], 60) or vector(0)', 300],
    ['rate(x[5m] anchored)', 300],
    ['increase(x[10m] smoothed offset 1m)', 600],
    ['sum(topk by (a) (3, x smoothed))', 0],
    ['hour() + label_join(x, "a", "b") + absent(x)', 0],
    ['-x + 1', 0],
    ['{a=~".+"}', 0],
    ['{"queue.length"}', 0],
    [String.raw`x{a=~"(?i)b|[[:alpha:]]", b=~"\\Q(\\E", c=~"^*d", e=~` + '`\\d{2,}`, f!=""}', 0],
    [String.raw`x{a="\u00e9\n\"q\""}`, 0],
  ];
  for (const [expr, seconds] of good) {
    it(`may be ${expr}`, () => {
      expect(ruleOf(withExpr(`'${expr}'`)).windows['cpu']).to.equal(seconds);
    });
  }

  it('needs an expression if no built-in signal has the name', () => {
    const text = SHORTEST.replace('    rules:', '    signals: {blckio: {maxAge: 1m}}\n    rules:');
    expect(errorsOf(text)).to.deep.equal([
      'RULE_MISSING_FIELD 3:23 signal "blckio" is not built in and needs an expr; did you mean "blockio"?',
    ]);
  });
});

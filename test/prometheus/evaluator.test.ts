import { expect } from 'chai';
import fc from 'fast-check';
import { ACTUAL_REPLICAS } from '../../scaler/backtest/actual-replicas.js';
import { evaluateChunk, type RangeQueries } from '../../scaler/backtest/evaluator/evaluator.js';
import { leavesOf, planOf } from '../../scaler/backtest/evaluator/plan.js';
import { PrometheusClient } from '../../scaler/promql/client.js';
import type { Grid, RangeSeries } from '../../scaler/promql/range.js';
import { builtInSignals, podSignals } from '../../scaler/promql/signals.js';
import { windowExpressions } from '../../scaler/promql/windows.js';
import { SEED } from '../seed.js';
import {
  BY_PEER,
  GAUGES,
  history,
  LENGTH,
  REQUESTS,
  SCRAPE_INTERVAL,
  START,
  STATES,
} from './container-past.js';
import { PastPrometheus } from './prometheus.js';

/** Expressions that are compared at most, and the time after which a minimum of comparisons is enough. */
const RUNS = 400;
const BUDGET_MS = 20_000;
const MIN_POINTS = 10_000;
const MIN_EVALUATED_HERE = 30;

const LABELS = ['namespace', 'workload', 'workload_kind', 'pod', 'container', 'state', '__name__', 'absent'];

const window = fc.constantFrom('30s', '1m', '1m', '1m', '10m');
const labelList = fc.subarray(LABELS).map((labels) => labels.join(', '));
const matchers = fc.oneof(
  fc.constantFrom(
    '',
    '{}',
    '{state="oncpu"}',
    '{state!="idle"}',
    '{state=~"disk|lock"}',
    '{state!~"idle|sleep"}',
    '{workload="web"}',
    '{pod=~"a|b",state!~"idle"}',
    '{pod!="a",container="main"}',
    '{state=~"d.*|lock"}',
    '{absent="",state="disk"}',
    '{absent="x"}',
  ),
);
const selector = fc
  .tuple(fc.constantFrom(STATES, STATES, STATES, ...GAUGES, BY_PEER[0]!, REQUESTS[0]!), matchers)
  .map((parts) => parts.join(''));
const unnamed = fc
  .tuple(fc.constantFrom('', `__name__="${STATES}",`), fc.constantFrom('state="disk"', 'state=~"disk|lock"'))
  .map(([name, rest]) => `{${name}${rest}}`);
const bound = fc.constantFrom('0', '0.01', '1', '-1', '1e-3', '010', '0x10', 'Inf', '1.5');
const number = fc.constantFrom('0', '1', '-0', 'NaN', '0x1', '0.5');
// topk() of all series, because its choice among equal values differs from query to query.
const aggregator = fc.constantFrom('sum', 'sum', 'count', 'avg', 'max', 'topk', 'group');

/** `sum by (pod) (…)` with the labels of `modifier`. */
const aggregation = ([name, modifier, of]: readonly [string, string, string]): string =>
  `${name} ${modifier}(${name === 'topk' ? '1000, ' : ''}${of})`;
const modifier = fc
  .tuple(fc.constantFrom('by', 'by', 'by', 'without', ''), labelList)
  .map(([kind, labels]) => kind && `${kind} (${labels}) `);

/** Expressions within the evaluator's subset and near its edges. */
const { expression } = fc.letrec<
  Record<'vector' | 'aggregate' | 'quotient' | 'clamped' | 'row' | 'union' | 'expression', string>
>((tie) => ({
  vector: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'promql' },
    { weight: 2, arbitrary: selector },
    { weight: 4, arbitrary: fc.tuple(selector, window).map(([of, range]) => `rate(${of}[${range}])`) },
    { weight: 1, arbitrary: fc.tuple(unnamed, window).map(([of, range]) => `rate(${of}[${range}])`) },
    { weight: 1, arbitrary: fc.tuple(selector, window).map(([of, range]) => `(${of} offset ${range})`) },
    {
      weight: 4,
      arbitrary: fc
        .tuple(tie('vector'), fc.constantFrom('', 'ignoring', 'on'), labelList, tie('vector'))
        .map(([left, kind, labels, right]) => `${left} and ${kind && `${kind} (${labels}) `}${right}`),
    },
    { weight: 2, arbitrary: tie('aggregate') },
    { weight: 1, arbitrary: tie('quotient') },
  ),
  aggregate: fc.tuple(aggregator, modifier, tie('vector')).map(aggregation),
  clamped: fc.tuple(tie('aggregate'), bound).map(([of, least]) => `clamp_min(${of}, ${least})`),
  quotient: fc
    .record({
      names: fc.tuple(aggregator, aggregator),
      modifiers: fc.oneof(
        { weight: 1, arbitrary: fc.tuple(modifier, modifier) },
        // Quotients of different labels are empty.
        { weight: 4, arbitrary: modifier.map((both): [string, string] => [both, both]) },
      ),
      operands: fc.tuple(tie('vector'), tie('vector')),
      least: fc.option(bound),
    })
    .map(({ names, modifiers, operands, least }) => {
      const [over, under] = [0, 1].map((side) =>
        aggregation([names[side]!, modifiers[side]!, operands[side]!]),
      );
      return `${over!} / ${least === null ? under! : `clamp_min(${under!}, ${least})`}`;
    }),
  /** Operations near those of the windows' expressions. */
  row: fc
    .tuple(tie('aggregate'), number, fc.constantFrom('state', 'measure', 'absent', '__name__'), fc.nat(6))
    .map(([of, value, label, form]) => {
      if (form === 0) return of;
      if (form === 1) return `${of} != ${value}`;
      if (form === 2) return `${value} * ${of}`;
      if (form === 3) return `${of} != bool ${value}`;
      return `label_replace(${of}, "${label}", "one", "", "${form === 4 ? '.*' : ''}")`;
    }),
  union: fc
    .tuple(fc.oneof(tie('row'), tie('vector')), fc.constantFrom('or', 'or', 'or on (workload)'), tie('row'))
    .chain(([left, operator, right]) =>
      fc.constantFrom(
        `${left} ${operator} ${right}`,
        `label_replace(${left} ${operator} ${right}, "measure", "one", "", "")`,
        `sum by (workload, state) ((${left}) ${operator} ${right}) != 0`,
      ),
    ),
  expression: fc.oneof(tie('quotient'), tie('clamped'), tie('aggregate'), tie('vector'), tie('union')),
}));

const grid: fc.Arbitrary<Grid> = fc.record({
  from: fc.integer({ min: START - 60, max: START + LENGTH }),
  step: fc.constantFrom(7, 15, 60),
  count: fc.integer({ min: 1, max: 100 }),
});

const BUILT_IN = ['1m', '10m'].flatMap((range) => [
  ...Object.values(windowExpressions(range)),
  ...Object.values(builtInSignals(range, [0.99])),
  ...Object.values(podSignals(range)),
]);

function keyed(series: readonly RangeSeries[]): Map<string, RangeSeries> {
  const present = series.filter((one) => one.present.includes(1));
  return new Map(present.map((one) => [JSON.stringify(Object.entries(one.labels).sort()), one]));
}

/** @returns number of compared points */
function expectEqual(ours: readonly RangeSeries[], theirs: readonly RangeSeries[], expr: string): number {
  const [found, expected] = [keyed(ours), keyed(theirs)];
  expect([...found.keys()].sort(), expr).to.deep.equal([...expected.keys()].sort());
  let compared = 0;
  for (const [labels, { values, present }] of expected) {
    const one = found.get(labels)!;
    expect(one.present, `${expr}: ${labels}`).to.deep.equal(present);
    for (const [index, value] of values.entries()) {
      if (present[index] !== 1) continue;
      compared++;
      const got = one.values[index]!;
      if (Object.is(got, value) || Math.abs(got - value) <= 1e-9 * Math.abs(value)) continue;
      expect.fail(`${expr}: ${labels} is ${got} at step ${index}, and ${value} in Prometheus`);
    }
  }
  return compared;
}

function withoutName(labels: RangeSeries['labels']): RangeSeries['labels'] {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => name !== '__name__'));
}

describe(`the evaluator of the past against Prometheus (seed ${SEED})`, function () {
  this.timeout(180_000);
  const prometheus = new PastPrometheus();
  let client: PrometheusClient;
  let queries: RangeQueries;
  before(async () => {
    const [series] = fc.sample(history, { seed: SEED, numRuns: 1 });
    await prometheus.start({
      from: START,
      to: START + LENGTH,
      scrapeInterval: SCRAPE_INTERVAL,
      series: series!,
    });
    client = new PrometheusClient({ url: prometheus.url, timeout: 60 });
    queries = {
      values: (expr, times) => client.queryRange(expr, times),
      sampleTimes: (of, times) => client.sampleTimes(of, times),
    };
  });
  after(async () => {
    await client.close();
    await prometheus.stop();
  });

  it('returns the values of Prometheus for random expressions over random series', async () => {
    const deadline = performance.now() + BUDGET_MS;
    let [points, evaluatedHere] = [0, 0];
    const isEnough = () => points > MIN_POINTS && evaluatedHere > MIN_EVALUATED_HERE;
    const property = fc.asyncProperty(
      fc.array(expression, { minLength: 1, maxLength: 4 }),
      grid,
      async (exprs, times) => {
        if (performance.now() > deadline && isEnough()) return;
        const valid = new Map<string, readonly RangeSeries[]>();
        for (const expr of exprs) {
          const whole = await client.queryRange(expr, times);
          if (whole.ok) valid.set(expr, whole.series);
        }
        const requested = { expressions: new Set(valid.keys()), selectors: new Set<string>() };
        const { values } = await evaluateChunk(queries, requested, times);
        for (const [expr, expected] of valid) {
          const ours = values.get(expr)!;
          if (!('series' in ours)) throw new Error(`${expr} is partial: ${ours.partial}`);
          points += expectEqual(ours.series, expected, expr);
          if (!leavesOf(planOf(expr)).has(expr)) evaluatedHere++;
        }
      },
    );
    await fc.assert(property, {
      seed: SEED,
      numRuns: RUNS,
      examples: [[[...BUILT_IN, ACTUAL_REPLICAS], { from: START, step: 15, count: 360 }]],
    });
    expect(points).to.be.above(MIN_POINTS);
    expect(evaluatedHere).to.be.above(MIN_EVALUATED_HERE);
  });

  it('returns the sample times of Prometheus for random selectors', async () => {
    const deadline = performance.now() + BUDGET_MS / 4;
    let points = 0;
    const property = fc.asyncProperty(selector, grid, async (of, times) => {
      if (performance.now() > deadline && points > MIN_POINTS / 10) return;
      const { sampleTimes } = await evaluateChunk(
        queries,
        { expressions: new Set(), selectors: new Set([of]) },
        times,
      );
      const [ours, expected] = [sampleTimes.get(of)!, await client.queryRange(`timestamp(${of})`, times)];
      if (!('series' in ours) || !expected.ok) throw new Error(`no sample times of ${of}`);
      const nameless = ours.series.map((one) => ({ ...one, labels: withoutName(one.labels) }));
      points += expectEqual(nameless, expected.series, of);
    });
    await fc.assert(property, { seed: SEED, numRuns: RUNS });
    expect(points).to.be.above(MIN_POINTS / 10);
  });
});

import { expect } from 'chai';
import { ACTUAL_REPLICAS } from '../../../../scaler/backtest/actual-replicas.js';
import { backtest } from '../../../../scaler/backtest/backtest.js';
import { restrictedBy } from '../../../../scaler/commands/arguments.js';
import { selectorsOf } from '../../../../scaler/promql/syntax.js';
import { decideAt } from '../../../../scaler/backtest/decide-at.js';
import type { Evaluate, Evaluated } from '../../../../scaler/backtest/evaluator/evaluator.js';
import type { Grid } from '../../../../scaler/promql/range.js';
import { parseRules } from '../../../../scaler/rules/load.js';

const END = 1_700_000_000;
const STEP = 10;
/** Seconds of the past in which one source is down. */
const DOWN = 300;
const LABELS = { namespace: 'shop', workload: 'cart', workload_kind: 'Deployment' };
const QUEUE = '(sum(qa) or vector(0)) + (sum(qb) or vector(0))';

const { groups } = parseRules(
  'r.yaml',
  `groups:
  - name: shop
    signals: { queue: { expr: ${QUEUE} } }
    rules:
      - scale: cart
        scaleTargetRef: { kind: Deployment, namespace: shop, name: cart }
        maxReplicas: 20
        target: { signal: queue, averageValue: 1 }
        behavior: { scaleDown: { stabilizationWindowSeconds: 0 } }
        decide: []
`,
);

/** Its rows tell how many pods there are. */
const THREADS = groups[0]!.windows.settled.parts.threads.expr;

/** Twenty replicas for a queue of 20, of which `qa` counts 19 until it goes down. */
const evaluate: Evaluate = ({ expressions, selectors }, grid) => {
  const isUp = (at: number): boolean => at < END - DOWN;
  const valueOf = (expr: string, at: number): number | undefined => {
    if (expr === QUEUE) return isUp(at) ? 20 : 1;
    return expr === 'actual' || expr === THREADS ? 20 : undefined;
  };
  const values = [...expressions].map((expr) => {
    const labels = expr === THREADS ? { ...LABELS, measure: 'pods' } : LABELS;
    return [expr, series(grid, (at) => valueOf(expr, at), labels)] as const;
  });
  const times = [...selectors].map((selector) => {
    return [selector, series(grid, (at) => (selector === 'qa' && !isUp(at) ? undefined : at))] as const;
  });
  return Promise.resolve({ values: new Map(values), sampleTimes: new Map(times), widest: 1 });
};

function series(
  { from, step, count }: Grid,
  valueAt: (at: number) => number | undefined,
  labels: Readonly<Record<string, string>> = LABELS,
): Evaluated {
  const values = Array.from({ length: count }, (_, index) => valueAt(from + index * step));
  const present = Uint8Array.from(values, (value) => (value === undefined ? 0 : 1));
  return {
    series: [{ labels, values: Float64Array.from(values, (value) => value ?? NaN), present }],
  };
}

const past = { groups, evaluate, actual: 'actual' };

it('a past of several clusters is that of one, where --prometheus.matcher names it', async () => {
  const asked = new Set<string>();
  const { groups: own, ...flags } = restrictedBy(
    { 'prometheus.matcher': 'cluster="a"', actual: ACTUAL_REPLICAS },
    groups,
  );
  const recording: Evaluate = (requested, grid) => {
    for (const expr of [...requested.expressions, ...requested.selectors]) asked.add(expr);
    return evaluate(requested, grid);
  };
  await decideAt({ ...flags, groups: own, evaluate: recording }, END, STEP);
  const others = [...asked].filter((expr) =>
    selectorsOf(expr).some((selector) => !selector.includes('cluster="a"')),
  );
  expect(others).to.have.members([QUEUE, 'qa', 'qb']);
});

describe('a signal of several sources, one of which was down', () => {
  it('has no value in a backtest', async () => {
    const grid = { from: END - 2 * DOWN, step: STEP, count: (2 * DOWN) / STEP + 1 };
    const [timeline] = await backtest({ ...past, grid, wanted: () => true, onProgress: () => undefined });
    expect([...timeline!.proposed]).to.deep.equal(Array<number>(grid.count).fill(20));
    expect(timeline!.gaps.at(0)).to.equal(0);
    expect(timeline!.gaps.at(-1)).to.equal(1);
  });

  it('has no value where rule files are explained', async () => {
    const { decisions } = await decideAt(past, END, STEP);
    const { decision } = decisions.get('shop/Deployment/cart')!;
    expect(decision.replicas).to.equal(20);
    expect(decision.reason).to.contain('its part qa has no data');
  });
});

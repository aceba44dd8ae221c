import { expect } from 'chai';
import { restoreUsual, type RestoreOptions } from '../../../../scaler/backtest/restore.js';
import { isAbsent } from '../../../../scaler/core/reading.js';
import type { Windows } from '../../../../scaler/core/measures.js';
import type { Grid, RangeResult, RangeSeries } from '../../../../scaler/promql/range.js';
import { selectorsOf } from '../../../../scaler/promql/syntax.js';
import { restricted } from '../../../../scaler/rules/restrict.js';
import { resolveGroup } from '../../../../scaler/rules/defaults.js';

const NOW = 1_700_000_000;
const CART = 'shop/Deployment/cart';
const labels = { namespace: 'shop', workload: 'cart', workload_kind: 'Deployment' };
const group = (window: string) => resolveGroup({ name: window, window, rules: [] }, 'rules.yaml', []);

/** A past in which CPU is used as the minutes pass, and in which scrapes stop for the last five of them. */
function rangeOf({ from, step, count }: Grid, expr: string): readonly RangeSeries[] {
  const at = Float64Array.from({ length: count }, (_, index) => from + index * step);
  const present = Uint8Array.from(at, () => 1);
  const row = (measure: string, values: Float64Array, state = {}): RangeSeries => ({
    labels: { ...labels, measure, ...state },
    values,
    present,
  });
  if (expr.includes('timestamp'))
    return [{ labels, values: at.map((time) => Math.min(time, NOW - 300)), present }];
  if (!expr.includes('measure", "states')) return [];
  const used = at.map((time) => (time - (NOW - 3600)) / 60);
  return [
    row('states', used, { state: 'oncpu' }),
    row(
      'starved',
      at.map(() => 0),
    ),
  ];
}

async function restored(changes: Partial<RestoreOptions> = {}) {
  const rounds: [at: number, windows: Windows | undefined][] = [];
  const queries: [expr: string, grid: Grid][] = [];
  const failure = await restoreUsual({
    range: (expr: string, grid: Grid): Promise<RangeResult> => {
      queries.push([expr, grid]);
      return Promise.resolve({ ok: true, series: rangeOf(grid, expr) });
    },
    groups: [group('1m'), group('2m')],
    resolve: undefined,
    now: NOW,
    span: 3600,
    learn: (round, at) => rounds.push([at, round.get(CART)]),
    ...changes,
  });
  return { rounds, queries, failure };
}

describe('restoreUsual', () => {
  it('hands out the rounds of the last hour, the oldest first, with their values', async () => {
    const { rounds, failure } = await restored();
    expect(failure).to.equal(undefined);
    expect(rounds.map(([at]) => at)).to.deep.equal(
      Array.from({ length: 60 }, (_, minute) => NOW - (59 - minute) * 60),
    );
    const used = rounds.map(([, windows]) => {
      const { settled } = windows!;
      return isAbsent(settled) ? settled.absent : settled.states.oncpu;
    });
    expect(used.slice(0, 2)).to.deep.equal([1, 2]);
    // Data that is a minute old is not acted on, in the past neither.
    expect(used.slice(-6)).to.deep.equal([55, 'stale', 'stale', 'stale', 'stale', 'stale']);
  });

  it('queries as often for a thousand workloads and any number of groups, over the longest window', async () => {
    const { queries } = await restored();
    expect(queries).to.have.length(4 * 4);
    expect(Math.max(...queries.map(([, { count }]) => count))).to.be.at.most(15);
    expect(queries.filter(([expr]) => expr.includes('[2m]'))).to.have.length(3 * 4);
  });

  it('asks for one cluster where the rules do', async () => {
    const { queries } = await restored({ groups: [restricted(group('1m'), 'cluster="a"')] });
    for (const [expr] of queries)
      for (const selector of selectorsOf(expr)) expect(selector).to.contain('cluster="a"');
  });

  it('asks nothing without groups', async () => {
    expect((await restored({ groups: [] })).queries).to.deep.equal([]);
  });

  it('ends at a failure, with what it has learnt before', async () => {
    const failure = { ok: false, failure: 'timeout', message: 'no response' } as const;
    const late = (grid: Grid): boolean => grid.from > NOW - 1800;
    const { rounds, failure: got } = await restored({
      range: (expr, grid) =>
        Promise.resolve(late(grid) ? failure : { ok: true, series: rangeOf(grid, expr) }),
    });
    expect(got).to.equal(failure);
    expect(rounds).to.have.length(30);
  });
});

import { expect } from 'chai';
import { evaluateChunk, type RangeQueries } from '../../../../scaler/backtest/evaluator/evaluator.js';
import { leavesOf, planOf } from '../../../../scaler/backtest/evaluator/plan.js';
import { coverRates } from '../../../../scaler/backtest/evaluator/rates.js';
import { ACTUAL_REPLICAS } from '../../../../scaler/backtest/actual-replicas.js';
import { and } from '../../../../scaler/backtest/evaluator/vectors.js';
import type { RangeSeries } from '../../../../scaler/promql/range.js';
import { builtInSignals } from '../../../../scaler/promql/signals.js';
import { windowExpressions } from '../../../../scaler/promql/windows.js';

const STATES = 'kernscale_state_seconds_total';
const BUSY = `rate(${STATES}{state!~"idle|sleep"}[1m])`;
const GRID = { from: 0, step: 15, count: 3 };

function series(labels: Record<string, string>, values: number[], present: number[]): RangeSeries {
  return { labels, values: Float64Array.from(values), present: Uint8Array.from(present) };
}

function leaves(...exprs: string[]): Set<string> {
  return new Set(exprs.flatMap((expr) => [...leavesOf(planOf(expr))]));
}

describe('the evaluator of the past', () => {
  it('fetches each series of a container once, for all signals', () => {
    const { edges, limit, ...signals } = builtInSignals('1m');
    const alive = `${STATES}{state="oncpu"}`;
    const sources = [...coverRates(leaves(...Object.values(signals), ACTUAL_REPLICAS)).values()].map(
      ({ source }) => source,
    );
    expect(new Set(sources)).to.deep.equal(
      new Set([
        BUSY,
        alive,
        `(${alive} offset 1m)`,
        'kernscale_container_cpu_request_cores',
        'kernscale_container_info',
      ]),
    );
    expect(leaves(edges!)).to.deep.equal(new Set([edges]));
    expect(leaves(limit!)).to.have.length(1);
  });

  it('leaves of the windows only rates, selectors, native histograms, sums by peer and what is rare', () => {
    const left = [...leaves(...Object.values(windowExpressions('1m')))];
    const few = /^\(?(rate\(|histogram_\w+\(rate\()?kernscale_\w+(\{[^}]*\})?(\[1m\]\)| offset 1m\)|$)/;
    const byPeer = /^sum by \(namespace, workload, workload_kind, peer(, measure)?\) \(/;
    const rare =
      /^\(+(label_replace\(rate\(kernscale_\w+\[1m\]\) != 0, "measure", "\w+", "", ""\)\)?( or )?)+\)$/;
    expect(left.filter((expr) => ![few, byPeer, rare].some((form) => form.test(expr)))).to.deep.equal([]);
    expect(left.filter((expr) => few.test(expr))).not.to.be.empty;
  });

  it('leaves metrics with many series, and all other forms, to Prometheus', () => {
    for (const whole of [
      'sum by (a) (http_requests_total and http_requests_total)',
      'sum by (a) (kernscale_tcp_wait_seconds_sum)',
      'sum by (a) ({__name__=~"kernscale_container_.+"})',
      `sum by (a) (${STATES} and http_requests_total)`,
      `sum without (state) (${STATES})`,
      `topk by (pod) (3, ${STATES})`,
      `max by (pod) (${STATES})`,
      `${STATES} and on (pod) ${STATES}`,
      'sum(a) / on (x) sum(b)',
      'sum(a) / bool sum(b)',
      'a / sum(b)',
      'sum(a) * sum(b)',
      'sum(a) / 2',
      'sum(a) / clamp_min(sum(b), scalar(c))',
      'sum(a) / clamp_min(sum(b), 010)',
      'topk(3, a) / sum(b)',
      'sum by (__name__) (a) / sum by (__name__) (b)',
      `sum by ("pod") (${STATES})`,
      `${STATES} and ignoring ("state") ${STATES}`,
      'sum by (a) (x) != bool 0',
      'sum by (a) (x) or on (a) sum by (b) (y)',
      'sum by (a) (x) or y',
      'label_replace(sum by (a) (x), "a", "one", "", "")',
      'label_replace(sum without (a) (x), "b", "one", "", "")',
      'label_replace(sum by (a) (x), "b", "$1", "a", "(.*)")',
      'sum by (a) (kernscale_tcp_serve_seconds)',
    ]) {
      expect(leaves(whole), whole).to.deep.equal(new Set([whole]));
    }
    expect(leaves('sum by (x) (a) / clamp_min(sum by (x) (b), 1)')).to.deep.equal(
      new Set(['sum by (x) (a)', 'sum by (x) (b)']),
    );
  });

  it('selects a rate from a wider one only if that contains it', () => {
    const rate = (matchers: string): string => `rate(${STATES}{${matchers}}[1m])`;
    const sourceOf = (narrow: string, wide: string): string => coverRates([narrow, wide]).get(narrow)!.source;
    for (const narrow of [
      'state="disk"',
      'state=~"disk|lock"',
      'state!~"idle|sleep|disk"',
      'pod="p",state="lock"',
    ]) {
      expect(sourceOf(rate(narrow), BUSY), narrow).to.equal(BUSY);
      expect(sourceOf(BUSY, rate(narrow)), narrow).to.equal(BUSY);
    }
    for (const other of [
      'state="idle"',
      'state=~"disk|idle"',
      'state=~"d.*"',
      'state!~"idle"',
      'pod="p"',
      'state=""',
    ]) {
      expect(sourceOf(rate(other), BUSY), other).to.equal(rate(other));
    }
    const unnamed = [`rate({__name__="${STATES}",state="disk"}[1m])`, 'rate({state="disk"}[1m])'] as const;
    expect(sourceOf(...unnamed)).to.equal(unnamed[0]);
    const longer = `rate(${STATES}{state="disk"}[5m])`;
    expect(sourceOf(longer, BUSY)).to.equal(longer);
    const states = ['disk', 'lock', 'other'].map((state) => series({ state }, [1], [1]));
    const part = coverRates([rate('state=~"disk|lock"'), BUSY])
      .get(rate('state=~"disk|lock"'))!
      .select(states);
    expect(part.map(({ labels }) => labels['state'])).to.deep.equal(['disk', 'lock']);
  });

  it('divides only if both sides have a value, and keeps the results of a division by zero', async () => {
    const results = new Map([
      [
        'sum by (w) (a)',
        [series({ w: 'a' }, [1, 2, 0], [1, 1, 1]), series({ w: 'b' }, [1, 1, 1], [1, 1, 1])],
      ],
      ['sum by (w) (b)', [series({ w: 'a' }, [4, 0, 0], [1, 0, 1])]],
    ]);
    const queries: RangeQueries = {
      values: (expr) => Promise.resolve({ ok: true, series: results.get(expr)! }),
      sampleTimes: () => Promise.reject(new Error('not queried')),
    };
    const quotient = 'sum by (w) (a) / sum by (w) (b)';
    const expressions = new Set([quotient]);
    const { values } = await evaluateChunk(queries, { expressions, selectors: new Set() }, GRID);
    expect(values.get(quotient)).to.deep.equal({
      series: [series({ w: 'a' }, [0.25, Infinity, NaN], [1, 0, 1])],
    });
  });

  it('marks an expression as partial if any leaf is', async () => {
    const queries: RangeQueries = {
      values: (expr) =>
        Promise.resolve(
          expr === 'sum(b)' ? { ok: false, failure: 'partial', message: 'w' } : { ok: true, series: [] },
        ),
      sampleTimes: () => Promise.resolve({ ok: true, series: [] }),
    };
    const expressions = new Set(['sum(a) / sum(b)', 'sum(a)']);
    const { values } = await evaluateChunk(queries, { expressions, selectors: new Set() }, GRID);
    expect(values.get('sum(a) / sum(b)')).to.deep.equal({ partial: 'w' });
    expect(values.get('sum(a)')).to.deep.equal({ series: [] });
  });

  it('joins with any of several partners, ignoring metric names', () => {
    const left = [
      series({ pod: 'p', state: 'disk' }, [1, 2, 3], [1, 1, 1]),
      series({ pod: 'q' }, [1, 1, 1], [1, 1, 1]),
    ];
    const right = [
      series({ __name__: 'm', pod: 'p', state: 'oncpu' }, [9, 0, 0], [1, 0, 0]),
      series({ __name__: 'm', pod: 'p', state: 'lock' }, [0, 0, NaN], [0, 0, 1]),
    ];
    expect(and(left, right, ['state'])).to.deep.equal([
      series({ pod: 'p', state: 'disk' }, [1, 2, 3], [1, 0, 1]),
    ]);
    expect(and(left, right, [])).to.deep.equal([]);
  });
});

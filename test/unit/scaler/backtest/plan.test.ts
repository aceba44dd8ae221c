import { expect } from 'chai';
import { fetchChunk, type PastQueries } from '../../../../scaler/backtest/fetch.js';
import { leavesOf, planOf } from '../../../../scaler/backtest/plan.js';
import { shareRates } from '../../../../scaler/backtest/rates.js';
import { ACTUAL } from '../../../../scaler/backtest/run.js';
import { and } from '../../../../scaler/backtest/vectors.js';
import type { RangeSeries } from '../../../../scaler/promql/range.js';
import { builtInSignals } from '../../../../scaler/promql/signals.js';

const STATES = 'kernscale_state_seconds_total';
const BUSY = `rate(${STATES}{state!~"idle|sleep"}[1m])`;
const GRID = { from: 0, step: 15, count: 3 };

function series(labels: Record<string, string>, values: number[], present: number[]): RangeSeries {
  return { labels, values: Float64Array.from(values), present: Uint8Array.from(present) };
}

function leaves(...exprs: string[]): Set<string> {
  return new Set(exprs.flatMap((expr) => [...leavesOf(planOf(expr))]));
}

describe('how the past is asked for', () => {
  it('asks for each series of a container once, whatever signals need it', () => {
    const { edges, ...signals } = builtInSignals('1m');
    const alive = `${STATES}{state="oncpu"}`;
    const asked = [...shareRates(leaves(...Object.values(signals), ACTUAL)).values()].map(
      (rate) => rate.asked,
    );
    expect(new Set(asked)).to.deep.equal(
      new Set([
        BUSY,
        alive,
        `(${alive} offset 1m)`,
        'kernscale_container_cpu_request_cores',
        'kernscale_container_info',
      ]),
    );
    expect(leaves(edges!)).to.deep.equal(new Set([edges]));
  });

  it('leaves to Prometheus what may have series without number, and what it matches in other ways', () => {
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
    ]) {
      expect(leaves(whole), whole).to.deep.equal(new Set([whole]));
    }
    expect(leaves('sum by (x) (a) / clamp_min(sum by (x) (b), 1)')).to.deep.equal(
      new Set(['sum by (x) (a)', 'sum by (x) (b)']),
    );
  });

  it('takes a rate from a wider one only where that has all of it', () => {
    const rate = (matchers: string): string => `rate(${STATES}{${matchers}}[1m])`;
    const asked = (narrow: string, wide: string): string => shareRates([narrow, wide]).get(narrow)!.asked;
    for (const narrow of [
      'state="disk"',
      'state=~"disk|lock"',
      'state!~"idle|sleep|disk"',
      'pod="p",state="lock"',
    ]) {
      expect(asked(rate(narrow), BUSY), narrow).to.equal(BUSY);
      expect(asked(BUSY, rate(narrow)), narrow).to.equal(BUSY);
    }
    for (const other of [
      'state="idle"',
      'state=~"disk|idle"',
      'state=~"d.*"',
      'state!~"idle"',
      'pod="p"',
      'state=""',
    ]) {
      expect(asked(rate(other), BUSY), other).to.equal(rate(other));
    }
    const longer = `rate(${STATES}{state="disk"}[5m])`;
    expect(asked(longer, BUSY)).to.equal(longer);
    const states = ['disk', 'lock', 'other'].map((state) => series({ state }, [1], [1]));
    const part = shareRates([rate('state=~"disk|lock"'), BUSY])
      .get(rate('state=~"disk|lock"'))!
      .part(states);
    expect(part.map(({ labels }) => labels['state'])).to.deep.equal(['disk', 'lock']);
  });

  it('has a value only where both sides have one, and keeps what division by zero gives', async () => {
    const answers = new Map([
      [
        'sum by (w) (a)',
        [series({ w: 'a' }, [1, 2, 0], [1, 1, 1]), series({ w: 'b' }, [1, 1, 1], [1, 1, 1])],
      ],
      ['sum by (w) (b)', [series({ w: 'a' }, [4, 0, 0], [1, 0, 1])]],
    ]);
    const queries: PastQueries = {
      values: (expr) => Promise.resolve({ ok: true, series: answers.get(expr)! }),
      sampleTimes: () => Promise.reject(new Error('nobody asks')),
    };
    const quotient = 'sum by (w) (a) / sum by (w) (b)';
    const expressions = new Set([quotient]);
    const { values } = await fetchChunk(queries, { expressions, selectors: new Set() }, GRID);
    expect(values.get(quotient)).to.deep.equal({
      series: [series({ w: 'a' }, [0.25, Infinity, NaN], [1, 0, 1])],
    });
  });

  it('takes an expression for partial when any part of it is', async () => {
    const queries: PastQueries = {
      values: (expr) =>
        Promise.resolve(
          expr === 'sum(b)' ? { ok: false, failure: 'partial', message: 'w' } : { ok: true, series: [] },
        ),
      sampleTimes: () => Promise.resolve({ ok: true, series: [] }),
    };
    const expressions = new Set(['sum(a) / sum(b)', 'sum(a)']);
    const { values } = await fetchChunk(queries, { expressions, selectors: new Set() }, GRID);
    expect(values.get('sum(a) / sum(b)')).to.deep.equal({ partial: 'w' });
    expect(values.get('sum(a)')).to.deep.equal({ series: [] });
  });

  it('joins with any of several partners, whatever their names', () => {
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

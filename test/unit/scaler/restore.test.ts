import { expect } from 'chai';
import type { Logger } from '../../../common/log.js';
import type { Measures } from '../../../scaler/core/measures.js';
import { normOf } from '../../../scaler/core/harm/usual.js';
import { EMPTY_HISTORY } from '../../../scaler/core/round.js';
import { decide } from '../../../scaler/core/decide-round.js';
import { Histories } from '../../../scaler/loop/histories.js';
import type { Grid, RangeResult, RangeSeries } from '../../../scaler/promql/range.js';
import { failed } from '../../../scaler/promql/response.js';
import { restoreAtStart } from '../../../scaler/restore.js';
import { resolveGroup } from '../../../scaler/rules/defaults.js';
import { keyOf, ruleFor, samplesOf } from './core/fixtures.js';

const NOW = 1_700_000_000;
const HOUR = 3600;
const CART = keyOf('cart');
const RULE = ruleFor('cart');
const PEER = '10.0.0.1:80';
/** What a service of two pods does: 20 requests per second, each with 10 ms of CPU time and a call of 20 ms. */
const MEASURES = {
  threads: { pods: 2, starved: 0 },
  requests: { arrived: 20, answered: 20, served: 0.6, outstanding: 0.6 },
  calls: { sent: 20, answered: 20, waited: 0.4, outstanding: 0.4 },
};
const CORES = 0.2;

function measuresAt(timestamp: number): Measures {
  const states = { oncpu: CORES, network: 0.4 };
  const nothing = { abandoned: 0, dropped: 0, retried: 0, thought: { requests: 0, seconds: 0 } };
  return {
    ...{ window: 60, timestamp, pods: 2, states, serving: states, starved: 0 },
    requests: { ...MEASURES.requests, ...nothing },
    calls: [],
  };
}

type Values = Readonly<Record<string, number>>;

function rangeOf(expr: string, { from, step, count }: Grid, pods: (at: number) => number): RangeSeries[] {
  const labels = { namespace: 'shop', workload: 'cart', workload_kind: 'Deployment' };
  const times = Float64Array.from({ length: count }, (_, index) => from + index * step);
  const present = new Uint8Array(count).fill(1);
  const row = (measure: string, value: number, more = {}): RangeSeries => ({
    labels: { ...labels, measure, ...more },
    values: times.map((at) => (measure === 'pods' ? pods(at) : value)),
    present,
  });
  const rows = (values: Values, more = {}) =>
    Object.entries(values).map(([measure, value]) => row(measure, value, more));
  if (expr.includes('timestamp')) return [{ labels, values: times, present }];
  if (expr.includes('"measure", "sent"')) return rows(MEASURES.calls, { peer: PEER });
  if (expr.includes('"measure", "arrived"')) return rows(MEASURES.requests);
  return [
    ...rows(MEASURES.threads),
    ...['states', 'serving'].map((measure) => row(measure, CORES, { state: 'oncpu' })),
    ...['states', 'serving'].map((measure) => row(measure, 0.4, { state: 'network' })),
  ];
}

type Line = Record<string, unknown> & { level: string; text: string };

interface Case {
  readonly histories?: Histories;
  readonly pods?: (at: number) => number;
  readonly range?: (expr: string, grid: Grid) => Promise<RangeResult>;
  readonly clock?: () => number;
  readonly span?: number;
}

async function restored({
  histories = new Histories(),
  pods = () => 2,
  range,
  clock = () => 0,
  span = HOUR,
}: Case = {}) {
  const lines: Line[] = [];
  const write = (level: string) => (fields: object | string, text?: string) =>
    lines.push(typeof fields === 'string' ? { level, text: fields } : { ...fields, level, text: text! });
  let queries = 0;
  await restoreAtStart({
    range: (expr, grid) => {
      queries++;
      return range?.(expr, grid) ?? Promise.resolve({ ok: true, series: rangeOf(expr, grid, pods) });
    },
    groups: [resolveGroup({ name: 'shop', rules: [] }, 'rules.yaml', [])],
    resolve: () => undefined,
    rules: new Map([[CART, RULE]]),
    histories,
    now: NOW,
    span,
    stopped: new AbortController().signal,
    clock,
    log: { info: write('info'), warn: write('warn') } as unknown as Logger,
  });
  return { histories, history: histories.get(CART, RULE), last: lines.at(-1)!, queries };
}

describe('what is usual, at the start', () => {
  it('is learnt from the last hour, and nothing else is', async () => {
    const { history, last } = await restored();
    const { usual, ...others } = history;
    const norm = normOf(usual)!;
    expect(norm.cost).to.be.closeTo(CORES / 20, 0.001);
    expect(norm.latency).to.be.closeTo(0.03, 0.003);
    expect(norm.peer(PEER)!.wait).to.be.closeTo(0.02, 0.002);
    expect(others).to.deep.equal(EMPTY_HISTORY);
    expect(last).to.include({ level: 'info', restored: 1, of: 1 });
  });

  it('belongs to the first pod template that is seen, and ends with the next', async () => {
    let { history } = await restored();
    const restoredNorm = normOf(history.usual)!;
    const run = (template: string, from: number): void => {
      for (let now = from; now < from + 60; now += 10) {
        const windows = { recent: measuresAt(now), settled: measuresAt(now) };
        const decision = decide(RULE, samplesOf({ template, windows }), history, now);
        if (now === from && template === 'a') {
          expect(decision.trace.demand!.cost!.usual).to.equal(restoredNorm.cost);
        }
        history = decision.history;
      }
    };
    run('a', NOW);
    expect(history.usual!.template).to.equal('a');
    expect(normOf(history.usual)).to.not.equal(undefined);
    run('b', NOW + 60);
    expect(history.usual!.template).to.equal('b');
    expect(normOf(history.usual)).to.equal(undefined);
  });

  it('is not learnt from a minute with fewer pods than the one before or after', async () => {
    const { history } = await restored({ pods: (at) => (at % 120 < 60 ? 2 : 4) });
    expect(normOf(history.usual)!.perPod).to.be.closeTo(20 / 4, 0.5);
    expect(history.usual!.rounds).to.be.below(30);
  });

  it('is not known of a workload without requests, which is no failure', async () => {
    const { history, last } = await restored({ range: () => Promise.resolve({ ok: true, series: [] }) });
    expect(history).to.equal(EMPTY_HISTORY);
    expect(last).to.include({ level: 'info', restored: 0, of: 1 });
  });

  it('reaches a round that began before, and its successors', async () => {
    const histories = new Histories();
    const before = histories.get(CART, RULE);
    const { history } = await restored({ histories });
    histories.set(CART, RULE, before);
    expect(histories.get(CART, RULE).usual).to.equal(history.usual);
  });

  it('is taken over once: a workload that begins anew learns anew', async () => {
    const { histories } = await restored();
    histories.set(CART, RULE, histories.get(CART, RULE));
    histories.set(CART, RULE, EMPTY_HISTORY);
    expect(histories.get(CART, RULE).usual).to.equal(undefined);
  });

  it('does not replace what is known, and asks nothing then', async () => {
    const { histories, history } = await restored();
    histories.set(CART, RULE, history);
    expect((await restored({ histories })).queries).to.equal(0);
  });

  it('is what came before a failure, which is logged with its code', async () => {
    const { history, last } = await restored({
      range: (expr, grid) =>
        Promise.resolve(
          grid.from > NOW - HOUR / 2
            ? failed('timeout', 'no response')
            : { ok: true, series: rangeOf(expr, grid, () => 2) },
        ),
    });
    expect(normOf(history.usual)).to.not.equal(undefined);
    expect(last).to.include({ level: 'warn', code: 'RESTORE_INCOMPLETE', error: 'no response', restored: 1 });
  });

  it('is given up after five minutes, and on a defect', async () => {
    let now = 0;
    const slow = await restored({ clock: () => (now += 100) });
    expect(slow.queries).to.be.below(4);
    expect(slow.last).to.include({ code: 'RESTORE_INCOMPLETE', error: 'it took longer than 300 s' });
    const broken = await restored({ range: () => Promise.reject(new Error('a defect')) });
    expect(broken.last).to.include({ level: 'warn', code: 'RESTORE_FAILED', error: 'a defect' });
  });

  it('takes four queries for each 15 minutes', async () => {
    expect((await restored()).queries).to.equal(16);
    expect((await restored({ span: 2 * HOUR })).queries).to.equal(32);
  });
});

import { expect } from 'chai';
import { DecisionRecords } from '../../../../scaler/loop/record.js';
import { Board } from '../../../../scaler/web/board.js';
import { FIELDS, type RowValue } from '../../../../scaler/web/row.js';
import { keyOf, ruleFor } from '../core/fixtures.js';
import { byHarm, decisionOf, demandOf, harmOf, healthy, ON_DISK, part, type Made } from '../core/traces.js';
import { recordOf } from '../decisions.js';

const MEASURES = { window: 60, timestamp: 0, pods: 1, calls: [] };
const field = (row: readonly RowValue[], name: (typeof FIELDS)[number]) => row[FIELDS.indexOf(name)];

describe('the board', () => {
  let board: Board;
  let records: DecisionRecords;

  beforeEach(() => {
    board = new Board();
    records = new DecisionRecords(board);
  });

  const put = (name: string, at: number, made: Made = {}, outcome: 'unchanged' | 'applied' = 'unchanged') => {
    const rule = ruleFor(name);
    const decision = decisionOf({ rule, workload: keyOf(name), at, ...made });
    const states = { oncpu: 0.3, network: 0.1 };
    records.put(recordOf(rule, decision, outcome), { ...MEASURES, states });
  };

  it('has a row for each workload, with the shares of its states', () => {
    put('web', 100, { demand: demandOf(10), harm: harmOf('disk', ON_DISK), ...byHarm('disk', 'hold') });
    const [row = []] = board.list();
    const shown = Object.fromEntries(FIELDS.map((name, index) => [name, row[index]]));
    expect(shown).to.include({
      namespace: 'shop',
      kind: 'Deployment',
      name: 'web',
      rule: 'web',
      group: 'shop',
    });
    expect(shown).to.include({ replicas: 2, wanted: 2, class: 'disk', harm: 'disk', mode: '', at: 100 });
    expect(shown['states']).to.deep.equal([75, 0, 0, 0, 25, 0, 0, 0]);
    expect(JSON.stringify(row).length).to.be.below(320);
  });

  it('tells a reader everything first, then the fields that change, and nothing of a decision made again', () => {
    put('web', 100);
    put('cart', 100);
    records.retain(() => true);
    const reader = board.read();
    expect(reader.take().rows!.map((row) => row[1 + FIELDS.indexOf('name')])).to.deep.equal(['web', 'cart']);
    put('web', 115);
    put('cart', 115);
    records.retain(() => true);
    expect(reader.take()).to.deep.equal({});
    put('cart', 130, { class: 'lock' });
    put('web', 130);
    records.retain(() => true);
    expect(reader.take()).to.deep.equal({ set: [[2, FIELDS.indexOf('class'), 'lock']] });
  });

  it('sends a slow reader the newest state alone, in parts of 500 rows', () => {
    const reader = board.read();
    for (let at = 100; at < 103; at++) for (let i = 0; i < 600; i++) put(`w${i}`, at, { class: `at ${at}` });
    const first = reader.take();
    expect([first.rows!.length, first.more]).to.deep.equal([500, true]);
    const second = reader.take();
    expect([second.rows!.length, second.more]).to.deep.equal([100, undefined]);
    expect(field(second.rows![0]!.slice(1), 'class')).to.equal('at 102');
  });

  it('keeps the time of a decision that the last round did not make again', () => {
    put('web', 100);
    put('cart', 100);
    records.retain(() => true);
    const reader = board.read();
    reader.take();
    put('web', 115);
    records.retain(() => true);
    expect(reader.take()).to.deep.equal({ set: [[2, FIELDS.indexOf('at'), 100]] });
    expect([...board.rounds]).to.deep.equal([['shop', 115]]);
  });

  it('tells which workloads are gone, but not of one that the reader never saw', () => {
    put('web', 100);
    const reader = board.read();
    reader.take();
    put('cart', 100);
    records.retain(() => false);
    expect(reader.take()).to.deep.equal({ gone: [1] });
    expect(board.list()).to.deep.equal([]);
  });

  it('remembers how replicas changed in the last hour', () => {
    put('web', 100, { currentReplicas: 2, replicas: 4 }, 'applied');
    put('web', 1000, { currentReplicas: 4, replicas: 4 });
    put('web', 1900, { currentReplicas: 4, replicas: 3 }, 'applied');
    expect(field(board.list()[0]!, 'steps')).to.deep.equal([100, 2, 100, 4, 1900, 3]);
    put('web', 5400, { currentReplicas: 3, replicas: 5 }, 'applied');
    expect(field(board.list()[0]!, 'steps')).to.deep.equal([100, 4, 1900, 3, 5400, 5]);
  });

  it('keeps figures of the last hour, null where one is not known', () => {
    put('web', 100, { demand: demandOf(10), harm: healthy([part('cpu', 5, 4)]) });
    const [point] = board.history({ namespace: 'shop', kind: 'Deployment', name: 'web' })!;
    expect(point!.slice(0, 10)).to.deep.equal([100, 2, 2, 0.102, 0.14, 10, 10, null, 0.005, 0.004]);
    expect(point!.slice(10)).to.deep.equal([0.75, 0, 0, 0, 0.25, 0, 0, 0]);
    expect(board.history({ namespace: 'shop', kind: 'Deployment', name: 'cart' })).to.equal(undefined);
  });
});

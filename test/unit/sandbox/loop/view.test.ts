import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { expect } from 'chai';
import {
  LEGEND,
  lineView,
  renderLine,
  renderScreen,
  type Row,
  type Screen,
} from '../../../../sandbox/loop/view.js';

const ROW: Row = {
  workload: 'cpu',
  replicas: 4,
  readyReplicas: 2,
  decision: { class: 'cpu', reason: 'it needs 0.5 cores' },
};

function screen(changes: Partial<Screen> = {}): Screen {
  return {
    elapsedSeconds: 12,
    rows: [ROW],
    states: [
      { workload: 'cpu', state: 'oncpu', threads: 0.25 },
      { workload: 'cpu', state: 'throttled', threads: 0.75 },
      { workload: 'cpu', state: 'idle', threads: 0 },
      { workload: 'disk', state: 'disk', threads: 3 },
    ],
    scalerResponds: true,
    problems: [],
    addresses: ['decisions http://127.0.0.1:5001/'],
    notice: '',
    ...changes,
  };
}

const PLAIN = { columns: 100, rows: 24, colour: false };

describe('the live view', () => {
  it('shows replicas, thread states, and the decision in words', () => {
    const text = renderScreen(screen(), PLAIN).join('\n');
    expect(text).to.contain('cpu       2 of 4    ████▒▒▒▒▒▒▒▒▒▒▒▒ 0.75 throttled, 0.25 on CPU');
    expect(text).to.contain('cpu: it needs 0.5 cores');
    expect(text).to.contain('decisions http://127.0.0.1:5001/');
  });

  it('reports missing data instead of showing an empty bar', () => {
    expect(renderScreen(screen({ states: undefined }), PLAIN).join('\n')).to.contain(
      'Prometheus does not respond',
    );
    expect(renderScreen(screen({ states: [] }), PLAIN).join('\n')).to.contain('no data');
  });

  it('shows replicas without a decision while the scaler does not respond', () => {
    const text = renderScreen(screen({ scalerResponds: false }), PLAIN).join('\n');
    expect(text).to.contain('2 of 4').and.contain('the scaler does not respond');
    expect(text).not.to.contain('it needs 0.5 cores');
  });

  it('shows what the scaler lacks in place of an event, and names the cells where there is room', () => {
    const problems = ['rules/demo.yaml:3:5: unknown field\n"maxReplica"', 'Prometheus is unreachable'];
    const text = renderScreen(screen({ problems, notice: 'an event' }), PLAIN);
    expect(text[1]).to.equal('Problem 1 of 2: rules/demo.yaml:3:5: unknown field "maxReplica"');
    expect(text.at(-1)).to.equal(LEGEND);
    expect(LEGEND).to.contain('▓ waiting for CPU').and.contain('■ a lock');
  });

  it('prints a problem once in a line view, and again when it comes back', () => {
    const stream = new PassThrough();
    const view = lineView(stream);
    for (const problems of [['broken rule'], ['broken rule'], [], ['broken rule']])
      view.show(screen({ problems }));
    const lines = String(stream.read()).split('\n');
    expect(lines.filter((line) => line === '  12 s  Problem: broken rule')).to.have.length(2);
  });

  it('shows idle threads only if there are no others', () => {
    const idle = [{ workload: 'cpu', state: 'idle', threads: 2 }];
    expect(renderScreen(screen({ states: idle }), PLAIN).join('\n')).to.contain('2.00 idle');
  });

  const WORKLOADS = ['cpu', 'disk', 'chain', 'lock', 'idle'];
  const FULL = screen({
    rows: WORKLOADS.map((workload) => ({
      ...ROW,
      workload,
      decision: { class: 'cpu', reason: `${workload} holds ${'for a reason '.repeat(15)}`.trim() },
    })),
    states: WORKLOADS.flatMap((workload) =>
      ['oncpu', 'runqueue', 'throttled'].map((state) => ({ workload, state, threads: 0.3 })),
    ),
    addresses: ['decisions', 'metrics', 'Prometheus', 'cluster'].map((name) => name.padEnd(90, '.')),
    notice: 'Load on "chain" starts now: '.padEnd(90, '.'),
  });

  for (const [columns, rows] of [
    [40, 24],
    [80, 24],
    [120, 50],
    [200, 12],
  ] as const) {
    it(`fits ${columns} by ${rows}, in colour or without`, () => {
      const plain = renderScreen(FULL, { columns, rows, colour: false });
      const coloured = renderScreen(FULL, { columns, rows, colour: true });
      expect(plain.length).to.be.below(rows);
      for (const line of plain) expect(line.length).to.be.at.most(columns);
      expect(coloured.map(stripVTControlCharacters)).to.deep.equal(plain);
      expect(coloured).not.to.deep.equal(plain);
      expect(plain.join('\n')).to.contain('Load on "chain" starts now');
    });
  }

  it('shows the whole decision if there is room, and keeps every line in place', () => {
    const tall = { ...PLAIN, rows: 40 };
    const text = renderScreen(FULL, tall).map((line) => line.trim());
    expect(text.join(' ')).to.contain(FULL.rows[4]!.decision!.reason);
    const terse = { ...FULL, notice: '', rows: FULL.rows.map((row) => ({ ...row, decision: undefined })) };
    const places = (lines: string[]) =>
      WORKLOADS.map((name) => lines.findIndex((line) => line.startsWith(name)));
    expect(places(renderScreen(terse, tall))).to.deep.equal(places(text));
  });

  it('renders one plain line per workload', () => {
    expect(renderLine(ROW)).to.equal('cpu    2 of 4  cpu: it needs 0.5 cores');
    expect(renderLine({ ...ROW, readyReplicas: 4, decision: undefined })).to.equal(
      'cpu    4  no decision yet',
    );
  });
});

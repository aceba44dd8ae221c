import { expect } from 'chai';
import { renderNews, renderScreen, type Row, type Screen } from '../loop/view.js';

const ROW: Row = {
  workload: 'cpu',
  replicas: 4,
  readyReplicas: 2,
  decision: { bound: 'cpu', reason: 'it needs 0.5 cores' },
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
    addresses: ['decisions http://127.0.0.1:5001/'],
    notice: '',
    ...changes,
  };
}

describe('the live view', () => {
  it('shows replicas, what the threads do, and the decision in words', () => {
    const text = renderScreen(screen(), 100, false).join('\n');
    expect(text).to.contain('cpu       2 of 4    ████▒▒▒▒▒▒▒▒▒▒▒▒ 0.75 throttled, 0.25 on CPU');
    expect(text).to.contain('cpu: it needs 0.5 cores');
    expect(text).to.contain('decisions http://127.0.0.1:5001/');
  });

  it('says that there is no data instead of showing an empty bar', () => {
    expect(renderScreen(screen({ states: undefined }), 100, false).join('\n')).to.contain(
      'Prometheus does not answer',
    );
    expect(renderScreen(screen({ states: [] }), 100, false).join('\n')).to.contain('nothing measured yet');
  });

  it('speaks of rest only where there is nothing else', () => {
    const idle = [{ workload: 'cpu', state: 'idle', threads: 2 }];
    expect(renderScreen(screen({ states: idle }), 100, false).join('\n')).to.contain('2.00 idle');
  });

  it('fits the terminal and has colours only when asked', () => {
    const long = screen({ rows: [{ ...ROW, decision: { bound: 'cpu', reason: 'x'.repeat(300) } }] });
    for (const line of renderScreen(long, 80, false)) {
      expect(line.length).to.be.at.most(80);
      expect(line).not.to.contain('\x1b');
    }
    expect(renderScreen(long, 80, true).join('')).to.contain('\x1b[');
  });

  it('tells news as one plain line', () => {
    expect(renderNews(ROW)).to.equal('cpu    2 of 4  cpu: it needs 0.5 cores');
    expect(renderNews({ ...ROW, readyReplicas: 4, decision: undefined })).to.equal(
      'cpu    4  no decision yet',
    );
  });
});

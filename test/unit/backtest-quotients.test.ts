import { expect } from 'chai';
import { divide, findQuotients } from '../../scaler/backtest/quotients.js';
import { builtInSignals } from '../../scaler/rules/signals.js';

describe('quotients', () => {
  it('finds that the built-in shares divide by the same', () => {
    const signals = builtInSignals('1m');
    const found = findQuotients(Object.values(signals));
    expect([...found.keys()]).to.have.members([signals['blockio'], signals['wait'], signals['lock']]);
    expect(new Set([...found.values()].map(({ under }) => under)).size).to.equal(1);
    for (const [expr, { over, under }] of found) expect(`${over} / ${under}`).to.equal(expr);
  });

  it('leaves alone what PromQL matches otherwise, and what is divided once', () => {
    for (const other of [
      'sum(a) / on (x) sum(b)',
      'sum(a) / bool sum(b)',
      'a / sum(b)',
      'sum(a) * sum(b)',
      'sum(a) / 2',
    ]) {
      expect(findQuotients([other, 'sum(c) / sum(b)']).size, other).to.equal(0);
    }
    expect(findQuotients(['sum(a) / sum(b)', 'sum(c) / sum(b)']).size).to.equal(2);
  });

  it('has a value only where both have one, and keeps what division by zero gives', () => {
    const series = (name: string, values: number[], present: number[]) => ({
      labels: { workload: name },
      values: Float64Array.from(values),
      present: Uint8Array.from(present),
    });
    const over = { series: [series('a', [1, 2, 0], [1, 1, 1]), series('b', [1, 1, 1], [1, 1, 1])] };
    const under = { series: [series('a', [4, 0, 0], [1, 0, 1])] };
    const quotient = divide(over, under);
    expect(quotient).to.deep.equal({ series: [series('a', [0.25, Infinity, NaN], [1, 0, 1])] });
    expect(divide({ partial: 'w' }, under)).to.deep.equal({ partial: 'w' });
    expect(divide(over, { partial: 'w' })).to.deep.equal({ partial: 'w' });
  });
});

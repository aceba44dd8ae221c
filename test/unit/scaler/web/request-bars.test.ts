import { expect } from 'chai';
import { requestBars } from '../../../../scaler/web/request-bars.js';
import { harmOf, healthy, ON_ORDERS, ORDERS, part } from '../core/traces.js';

describe('the bars of a request', () => {
  it('have one scale, the usual below now, and the same order of parts', () => {
    const { bars, texts } = requestBars(harmOf(ORDERS, [...ON_ORDERS].reverse()))!;
    const shown = bars.map(({ name, text: time, segments }) => {
      return `${name} ${time}: ${segments.map(({ kind, share }) => `${kind} ${share.toFixed(3)}`).join(', ')}`;
    });
    expect(shown).to.deep.equal([
      'now 210 ms: peer 0.905, cpu 0.095',
      'usual 27.5 ms: peer 0.045, cpu 0.086',
    ]);
    expect(texts).to.deep.equal(['shop/orders 190 ms (usually 9.5 ms)', 'CPU 20 ms (usually 18 ms)']);
  });

  it('show a usual that is longer than now in full', () => {
    const { bars } = requestBars(healthy([part('cpu', 5, 10)]))!;
    expect(bars.map(({ segments }) => segments[0]?.share)).to.deep.equal([0.5, 1]);
  });

  it('show now alone until the usual is known', () => {
    const { bars, texts } = requestBars(healthy([part('cpu', 5), part('lock', 0.01)]))!;
    expect(bars.map(({ name }) => name)).to.deep.equal(['now']);
    expect(texts).to.deep.equal(['CPU 5 ms']);
  });

  it('are absent without requests', () => {
    expect(requestBars(undefined)).to.equal(undefined);
    expect(requestBars(healthy([part('cpu', 0, 10)]))).to.equal(undefined);
  });
});

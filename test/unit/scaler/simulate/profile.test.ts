import { expect } from 'chai';
import { parseProfile, parseTrace, ramp, valueAt } from '../../../../scaler/simulate/profile.js';

describe('a load', () => {
  it('parses a load in steps', () => {
    const load = parseProfile('20, 100@5m 20.5@15m');
    expect([0, 299, 300, 900, 9e9].map((at) => valueAt(load, at))).to.deep.equal([20, 20, 100, 20.5, 20.5]);
    for (const wrong of ['', 'x', '20@5m', '20 30@5m 40@5m', '-1', '20@']) {
      expect(() => parseProfile(wrong), wrong).to.throw();
    }
  });

  it('goes straight from step to step', () => {
    const load = ramp(parseProfile('10 40@3s 40@5s'));
    expect([0, 1, 2, 3, 4, 5, 9].map((at) => valueAt(load, at))).to.deep.equal([10, 20, 30, 40, 40, 40, 40]);
  });

  it('is one number per second of a file', () => {
    const load = parseTrace('1\n2\n3\n', 10);
    expect([0, 1, 2, 9].map((at) => valueAt(load, at))).to.deep.equal([10, 20, 30, 30]);
    for (const wrong of ['', '1\n-1', '1\nx']) expect(() => parseTrace(wrong), wrong).to.throw();
  });
});

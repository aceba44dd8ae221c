import { expect } from 'chai';
import { KernscaleError } from '../../../common/errors.js';
import { parseQuantity } from '../../../common/quantity.js';

describe('parseQuantity', () => {
  for (const [text, value] of [
    ['200m', 0.2],
    ['1', 1],
    ['1.5', 1.5],
    ['.5', 0.5],
    ['2e3', 2000],
    ['100u', 1e-4],
    ['12500000n', 0.0125],
    ['2k', 2000],
    ['1Ki', 1024],
    ['64Mi', 67_108_864],
    ['-1', -1],
  ] as const) {
    it(`reads ${text}`, () => {
      expect(parseQuantity(text)).to.equal(value);
    });
  }

  for (const text of ['', 'm', '1 m', '1mm', '1K', 'cpu', '1e', '0x10']) {
    it(`refuses "${text}"`, () => {
      expect(() => parseQuantity(text)).to.throw(KernscaleError, 'is not a quantity');
    });
  }
});

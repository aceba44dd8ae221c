import { expect } from 'chai';
import { selects } from '../../../common/label-selector.js';

describe('a label selector', () => {
  it('sees only the labels that an object has, whatever their names', () => {
    for (const key of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
      const by = (operator: 'Exists' | 'DoesNotExist' | 'NotIn') => ({
        matchExpressions: [{ key, operator, ...(operator === 'NotIn' && { values: ['x'] }) }],
      });
      expect(selects(by('Exists'), { app: 'web' }), key).to.equal(false);
      expect(selects(by('DoesNotExist'), { app: 'web' }), key).to.equal(true);
      expect(selects(by('NotIn'), { app: 'web' }), key).to.equal(true);
    }
  });

  it('selects by a label that is named like an inherited property', () => {
    const labels = { constructor: 'x' } as unknown as Record<string, string>;
    expect(selects({ matchExpressions: [{ key: 'constructor', operator: 'Exists' }] }, labels)).to.equal(
      true,
    );
    expect(selects({ matchLabels: { constructor: 'y' } }, labels)).to.equal(false);
  });
});

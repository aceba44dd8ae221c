import { expect } from 'chai';
import { lastCall } from '../../../common/once.js';

describe('lastCall', () => {
  it('computes once for calls in a row with the same argument', () => {
    const computed: string[] = [];
    const length = lastCall((text: string) => computed.push(text) && text.length);
    expect(['a', 'a', 'bc', 'bc', 'a'].map(length)).to.deep.equal([1, 1, 2, 2, 1]);
    expect(computed).to.deep.equal(['a', 'bc', 'a']);
  });
});

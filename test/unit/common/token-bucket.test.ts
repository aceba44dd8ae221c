import { expect } from 'chai';
import { TokenBucket } from '../../../common/token-bucket.js';

describe('a token bucket', () => {
  it('gives a burst, then one per interval, and saves up no more than fits', () => {
    const bucket = new TokenBucket(2, 3);
    const given = [0, 0, 0, 0, 1.9, 2, 2.1, 4, 100, 100, 100, 100].map((now) => bucket.take(now));
    expect(given).to.deep.equal([
      ...[true, true, true, false],
      ...[false, true, false, true],
      ...[true, true, true, false],
    ]);
  });
});

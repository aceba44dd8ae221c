import { expect } from 'chai';
import { allowedBySan, TokenBucket } from '../../../common/web-access.js';

describe('names in a client’s certificate', () => {
  const NAMES =
    'DNS:prometheus.example, DNS:"a, DNS:b", IP Address:FD00:0:0:0:0:0:0:1, email:ops@example.com, URI:spiffe://x/y';

  for (const allowed of ['prometheus.example', 'a, DNS:b', 'fd00::1', 'ops@example.com', 'spiffe://x/y']) {
    it(`have ${allowed}`, () => {
      expect(allowedBySan(NAMES, ['other', allowed])).to.equal(true);
    });
  }

  for (const allowed of ['example', 'b', 'Prometheus.example', '*.example', 'fd00::2', '']) {
    it(`do not have "${allowed}"`, () => {
      expect(allowedBySan(NAMES, [allowed])).to.equal(false);
    });
  }

  it('are empty without a certificate name, and an empty list allows none', () => {
    expect(allowedBySan(undefined, ['a'])).to.equal(false);
    expect(allowedBySan(NAMES, [])).to.equal(false);
  });
});
describe('a token bucket', () => {
  it('admits a burst, then one per interval, and keeps no more tokens than fit', () => {
    const bucket = new TokenBucket(2, 3);
    const given = [0, 0, 0, 0, 1.9, 2, 2.1, 4, 100, 100, 100, 100].map((now) => bucket.take(now));
    expect(given).to.deep.equal([
      ...[true, true, true, false],
      ...[false, true, false, true],
      ...[true, true, true, false],
    ]);
  });
});

import { expect } from 'chai';
import { allowedBySan } from '../../../common/client-names.js';

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

  it('are none in a certificate without any, and none is allowed by an empty list', () => {
    expect(allowedBySan(undefined, ['a'])).to.equal(false);
    expect(allowedBySan(NAMES, [])).to.equal(false);
  });
});

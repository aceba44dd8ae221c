import { expect } from 'chai';
import { runVectors } from './vectors.js';

/** All that HPA's arithmetic gets wrong by overflowing; see `excuse` in replicas.ts. */
const DEVIATIONS = ['rp-02277', 'rp-02630', 'rp-02837', 'rp-02965'];

describe("HPA v2's own inputs and outputs", () => {
  it('come out the same, but for where it overflows', async () => {
    const { rows, passed, deviations } = await runVectors('test/hpa/vectors');
    expect(deviations.map(({ id }) => id)).to.deep.equal(DEVIATIONS);
    for (const { why } of deviations) expect(why).to.match(/overflow/);
    expect(rows).to.equal(1036);
    expect(passed).to.equal(rows - DEVIATIONS.length);
  });
});

import { expect } from 'chai';
import { runVectors } from './vectors.js';

describe("HPA v2's own inputs and outputs", () => {
  it('come out the same', async () => {
    const { rows, passed, deviations } = await runVectors('test/hpa/vectors');
    expect(deviations).to.deep.equal([]);
    expect(passed).to.equal(rows);
  });
});

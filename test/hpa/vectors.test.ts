import { expect } from 'chai';
import { runVectors } from './vectors.js';

describe("HPA v2's own inputs and outputs", () => {
  it('come out the same, every one of them', async () => {
    expect(await runVectors('test/hpa/vectors')).to.deep.equal({ rows: 3600, passed: 3600, deviations: [] });
  });
});

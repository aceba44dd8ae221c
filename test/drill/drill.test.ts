import { expect } from 'chai';
import { FEW } from './cases.js';
import { Drill } from './drill.js';

describe('the scaler through faults of what it depends on', function () {
  this.timeout(180_000);
  const drill = new Drill();

  before(() => drill.start());
  after(() => drill.stop());

  for (const one of FEW)
    it(`changes nothing, names the cause and recovers: ${one.dependency} ${one.fault}`, async () => {
      const { wrong, named, recovered } = await drill.play(one);
      expect(wrong).to.equal(0);
      expect(named?.text).to.match(one.named!);
      expect(recovered).to.be.a('number');
    });
});

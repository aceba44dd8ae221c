import { expect } from 'chai';
import { Controller } from '../../../../sandbox/hpa/controller.js';
import { RANGE, scene } from './scene.js';

describe('the HPAs of the demo', () => {
  it('grow by CPU at once, and shrink after 300 s', () => {
    const hpa = new Controller();
    // 2 pods × 98 % ÷ 80 % = 2.45
    expect(hpa.sync('cpu', RANGE, scene(0, 2, 98))).to.equal(3);
    expect(hpa.sync('cpu', RANGE, scene(15, 3, 20))).to.equal(3);
    expect(hpa.sync('cpu', RANGE, scene(320, 3, 20))).to.equal(1);
  });

  it('remember each workload by itself', () => {
    const hpa = new Controller();
    hpa.sync('cpu', RANGE, scene(0, 8, 80));
    expect(hpa.sync('idle', RANGE, scene(15, 3, 80))).to.equal(3);
  });
});

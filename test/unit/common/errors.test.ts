import { expect } from 'chai';
import { parse } from 'yaml';
import { errorMessage, KernscaleError } from '../../../common/errors.js';

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('errorMessage', () => {
  it('joins an error and its causes into one sentence', () => {
    const cause = thrownBy(() => parse('a: [1,\n b: {'));
    const error = new KernscaleError('KUBECONFIG_INVALID', 'cannot use the kubeconfig x', { cause });
    expect((cause as Error).message).to.contain('\n');
    expect(errorMessage(error)).to.match(/^cannot use the kubeconfig x: .*at line \d+, column \d+$/);
  });

  it('keeps all lines of a KernscaleError', () => {
    expect(errorMessage(new KernscaleError('RULES_INVALID', 'a.yaml:1:1: x\na.yaml:2:1: y'))).to.contain(
      '\n',
    );
  });

  it('falls back to the code or name of an error without a message, and accepts any value', () => {
    expect(errorMessage(Object.assign(new Error(''), { code: 'ECONNREFUSED' }))).to.equal('ECONNREFUSED');
    expect(errorMessage(new RangeError(''))).to.equal('RangeError');
    expect(errorMessage('gone')).to.equal('gone');
  });
});

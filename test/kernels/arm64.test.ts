import { existsSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { errorCode } from '../../common/errors.js';
import { findBtf } from './arm64.js';

const HOST_BTF = '/sys/kernel/btf/vmlinux';

describe('BTF of a kernel image', () => {
  it('is found behind a false match, in a plain and in a compressed image', function () {
    if (!existsSync(HOST_BTF)) this.skip();
    const btf = readFileSync(HOST_BTF);
    const decoy = Buffer.concat([btf.subarray(0, 8), Buffer.alloc(16, 1)]);
    const image = Buffer.concat([Buffer.from('MZ'), decoy, btf, Buffer.alloc(100, 7)]);
    expect(findBtf(image).equals(btf)).to.equal(true);
    expect(findBtf(gzipSync(image)).equals(btf)).to.equal(true);
    const header = Buffer.alloc(64);
    header.write('zimg', 4);
    const packed = gzipSync(image);
    header.writeUInt32LE(64, 8);
    header.writeUInt32LE(packed.length, 12);
    expect(findBtf(Buffer.concat([header, packed, decoy])).equals(btf)).to.equal(true);
  });

  it('raises NO_BTF when it is absent', () => {
    expect(() => findBtf(Buffer.alloc(1000)))
      .to.throw()
      .that.satisfies((error: unknown) => errorCode(error) === 'NO_BTF');
  });
});

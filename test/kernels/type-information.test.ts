import { existsSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { errorCode } from '../../common/errors.js';
import { findTypeInformation } from './type-information.js';

const OWN = '/sys/kernel/btf/vmlinux';

describe('the type information in a kernel image', () => {
  it('is found behind anything that only looks like it, compressed or not', function () {
    if (!existsSync(OWN)) this.skip();
    const own = readFileSync(OWN);
    const decoy = Buffer.concat([own.subarray(0, 8), Buffer.alloc(16, 1)]);
    const image = Buffer.concat([Buffer.from('MZ'), decoy, own, Buffer.alloc(100, 7)]);
    expect(findTypeInformation(image).equals(own)).to.equal(true);
    expect(findTypeInformation(gzipSync(image)).equals(own)).to.equal(true);
    const header = Buffer.alloc(64);
    header.write('zimg', 4);
    const packed = gzipSync(image);
    header.writeUInt32LE(64, 8);
    header.writeUInt32LE(packed.length, 12);
    expect(findTypeInformation(Buffer.concat([header, packed, decoy])).equals(own)).to.equal(true);
  });

  it('may be absent', () => {
    expect(() => findTypeInformation(Buffer.alloc(1000)))
      .to.throw()
      .that.satisfies((error: unknown) => errorCode(error) === 'NO_TYPE_INFORMATION');
  });
});

import { gunzipSync } from 'node:zlib';
import { KernscaleError } from '../../common/errors.js';

/** `struct btf_header` of version 1 in little endian: magic, version, flags, length of the header (include/uapi/linux/btf.h). */
const HEADER = Buffer.from([0x9f, 0xeb, 1, 0, 24, 0, 0, 0]);
const HEADER_BYTES = 24;
/** A kernel's has millions; what else looks like a header is a few bytes of code or a small table. */
const AT_LEAST_BYTES = 1 << 20;

/** The kernel's type information, which its image holds as it is. @throws KernscaleError `NO_TYPE_INFORMATION` */
export function findTypeInformation(image: Buffer): Buffer {
  const bytes = decompressed(image);
  for (let at = bytes.indexOf(HEADER); at >= 0; at = bytes.indexOf(HEADER, at + 1)) {
    const [typeOffset, typeBytes, stringOffset, stringBytes] = [8, 12, 16, 20].map((field) =>
      bytes.readUInt32LE(at + field),
    ) as [number, number, number, number];
    if (typeOffset === 0 && stringOffset === typeBytes && typeBytes >= AT_LEAST_BYTES)
      return bytes.subarray(at, at + HEADER_BYTES + stringOffset + stringBytes);
  }
  throw new KernscaleError('NO_TYPE_INFORMATION', 'the kernel image holds no type information');
}

/** Documentation/arch/arm64/booting.rst: an image is bare or gzipped; or (drivers/firmware/efi/libstub/zboot-header.S) unpacks itself. */
function decompressed(image: Buffer): Buffer {
  if (image.subarray(4, 8).toString('latin1') === 'zimg') {
    const [offset, size] = [image.readUInt32LE(8), image.readUInt32LE(12)];
    return gunzipSync(image.subarray(offset, offset + size));
  }
  return image[0] === 0x1f && image[1] === 0x8b ? gunzipSync(image) : image;
}

import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Context, Next } from 'koa';

const compressed = promisify(gzip);
/** A smaller body fits into a packet as it is. */
const WORTHWHILE_BYTES = 1400;

/** Compresses the body for a client that takes it so; streams are left as they are. */
export async function compress(context: Context, next: Next): Promise<void> {
  await next();
  const bytes = bytesOf(context.body);
  if (!bytes || bytes.length < WORTHWHILE_BYTES) return;
  context.vary('Accept-Encoding');
  if (context.acceptsEncodings('gzip', 'identity') !== 'gzip') return;
  context.set('Content-Encoding', 'gzip');
  context.body = await compressed(bytes);
}

function bytesOf(body: unknown): Buffer | undefined {
  if (Buffer.isBuffer(body)) return body;
  if (typeof body === 'string') return Buffer.from(body);
  const isPlain = typeof body === 'object' && body !== null && !('pipe' in body);
  return isPlain ? Buffer.from(JSON.stringify(body)) : undefined;
}

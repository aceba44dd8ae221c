import { request } from 'undici';
import { z } from 'zod';
import { KernscaleError } from '../../common/errors.js';
import type { DecisionRecord } from '../loop/records.js';

const TIMEOUT_MS = 10_000;

/** What tells a scaler's answer from that of anything else; its records are as this version writes them. */
const answerSchema = z.object({
  now: z.number(),
  status: z.object({ problems: z.array(z.string()) }),
  decisions: z.array(
    z.custom<DecisionRecord>(
      (record) =>
        z.object({ workload: z.string(), reason: z.string(), trace: z.object() }).safeParse(record).success,
    ),
  ),
});
export type ScalerAnswer = z.infer<typeof answerSchema>;

/**
 * The last decisions of a running scaler.
 *
 * @param address `user:password@` becomes basic authentication
 * @throws KernscaleError `SCALER_URL`, `SCALER_UNREACHABLE` or `SCALER_ANSWER`
 */
export async function askScaler(address: string): Promise<ScalerAnswer> {
  const { url, headers } = parseAddress(address);
  const { status, body } = await get(url, headers).catch((cause: unknown) => {
    const message = `no scaler answers at ${url.origin}; --scaler.url names it`;
    throw new KernscaleError('SCALER_UNREACHABLE', message, { cause });
  });
  if (status !== 200) {
    throw new KernscaleError('SCALER_ANSWER', `the scaler at ${url.origin} answered HTTP ${status}`);
  }
  const answer = answerSchema.safeParse(parseJson(body));
  if (answer.success) return answer.data;
  throw new KernscaleError('SCALER_ANSWER', `what answers at ${url.origin} is not a scaler of this version`);
}

function parseAddress(address: string): { url: URL; headers: Record<string, string> } {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw new KernscaleError(
      'SCALER_URL',
      `"${address}" is not the address of a scaler; write it like http://127.0.0.1:5001`,
    );
  }
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  const authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
  const headers = url.username === '' ? {} : { authorization };
  url.username = '';
  url.password = '';
  url.pathname = `${url.pathname.replace(/\/$/, '')}/api/v1/decisions`;
  return { url, headers };
}

async function get(url: URL, headers: Record<string, string>): Promise<{ status: number; body: string }> {
  const response = await request(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
  return { status: response.statusCode, body: await response.body.text() };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

import { request } from 'undici';
import { z } from 'zod';
import { KernscaleError } from '../../common/errors.js';
import type { DecisionRecord } from '../loop/record.js';

const TIMEOUT_MS = 10_000;

/** Enough to recognise the response of a scaler of this version. */
const responseSchema = z.object({
  now: z.number(),
  status: z.object({ problems: z.array(z.string()) }),
  decisions: z.array(
    z.custom<DecisionRecord>(
      (record) =>
        z.object({ workload: z.string(), reason: z.string(), trace: z.object() }).safeParse(record).success,
    ),
  ),
});
export type ScalerDecisions = z.infer<typeof responseSchema>;

/**
 * Fetches the last decisions of a running scaler.
 *
 * @param address `user:password@` is sent as basic authentication
 * @throws KernscaleError `SCALER_URL`, `SCALER_UNREACHABLE` or `SCALER_ANSWER`
 */
export async function fetchDecisions(address: string): Promise<ScalerDecisions> {
  const { url, headers } = parseAddress(address);
  const { status, body } = await get(url, headers).catch((cause: unknown) => {
    const message = `cannot reach a scaler at ${url.origin}; set its address with --scaler.url`;
    throw new KernscaleError('SCALER_UNREACHABLE', message, { cause });
  });
  if (status !== 200) {
    throw new KernscaleError(
      'SCALER_ANSWER',
      `the scaler at ${url.origin} responded with HTTP status ${status}${refusalOf(status, body)}`,
    );
  }
  const response = responseSchema.safeParse(parseJson(body));
  if (response.success) return response.data;
  throw new KernscaleError(
    'SCALER_ANSWER',
    `the response from ${url.origin} is not from a scaler of this version`,
  );
}

/** A scaler says why it refuses a request; any other 403 may be a page. */
function refusalOf(status: number, body: string): string {
  const reason = status === 403 ? /^(.*) \[\w+_REFUSED\]\n$/.exec(body)?.[1] : undefined;
  return reason === undefined ? '' : `: ${reason}`;
}

function parseAddress(address: string): { url: URL; headers: Record<string, string> } {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw new KernscaleError(
      'SCALER_URL',
      `"${address}" is not a URL of a scaler; write it like http://127.0.0.1:5001`,
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

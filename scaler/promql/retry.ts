import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from '../../common/errors.js';

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 100;
/** The server closed a kept-alive connection just as it was reused, or broke off: a query changes nothing, ask again. */
const BROKEN_CONNECTION = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);
/** Said by proxies without a backend, and by servers that limit how much they are asked. */
const PASSING = new Set([429, 502, 503, 504]);

/**
 * Asks until there is an answer that another attempt would not change, at most four times and not past the deadline.
 * Pauses double and are random, so that many clients do not come back at once; `Retry-After` is kept to.
 *
 * @param send asks once
 * @param timeout seconds until `deadline` is aborted
 */
export async function persist(
  send: () => Promise<HttpAnswer>,
  timeout: number,
  deadline: AbortSignal,
): Promise<HttpAnswer> {
  const end = performance.now() + timeout * 1000;
  for (let attempt = 1; ; attempt++) {
    const answer = await send().catch((error: unknown) => {
      if (attempt === ATTEMPTS || !BROKEN_CONNECTION.has(errorCode(error) ?? '')) throw error;
      return undefined;
    });
    if (answer && (attempt === ATTEMPTS || !passes(answer))) return answer;
    const backOff = Math.random() * FIRST_PAUSE_MS * 2 ** (attempt - 1);
    const pause = Math.max(backOff, (Number(answer?.headers['retry-after']) || 0) * 1000);
    if (answer && performance.now() + pause >= end) return answer;
    await sleep(pause, undefined, { signal: deadline, ref: false });
  }
}

/** Prometheus' own refusals come with its error in the body and are final: the query took too long, for example. */
function passes({ status, body }: HttpAnswer): boolean {
  return PASSING.has(status) && (status === 429 || !body.includes('"errorType"'));
}

import { z } from 'zod';
import { failed, type QueryFailed } from './response.js';

const names = z.object({ status: z.literal('success'), data: z.array(z.string()) });

/** Reads an answer of `/api/v1/label/__name__/values`. */
export function parseNames(
  status: number,
  body: string,
): { readonly ok: true; readonly names: ReadonlySet<string> } | QueryFailed {
  if (status !== 200) return failed('http', `Prometheus answered HTTP ${status}`);
  const answer = names.safeParse(parseJson(body));
  if (!answer.success) return failed('malformed', "the answer is not that of Prometheus' HTTP API");
  return { ok: true, names: new Set(answer.data.data) };
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

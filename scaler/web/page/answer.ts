import { useEffect, useState } from 'preact/hooks';

/** The answer of the API to a path: the newest, while another is on its way; an error in words. */
export interface Answer<T> {
  readonly value?: T;
  readonly error?: string;
}

/** @param version asks again when it changes */
export function useAnswer<T>(path: string, version: unknown): Answer<T> {
  const [answer, setAnswer] = useState<Answer<T> & { readonly path: string }>({ path });
  useEffect(() => {
    const gone = new AbortController();
    ask<T>(path, gone.signal).then(
      (value) => {
        setAnswer({ path, value });
      },
      (error: unknown) => {
        if (!gone.signal.aborted) setAnswer((before) => ({ ...before, path, error: String(error) }));
      },
    );
    return () => {
      gone.abort();
    };
  }, [path, version]);
  return answer.path === path ? answer : {};
}

async function ask<T>(path: string, signal: AbortSignal): Promise<T> {
  const response = await fetch(path, { signal });
  if (response.ok) return (await response.json()) as T;
  throw new Error(`the scaler answers with status ${response.status}`);
}

import type { Update } from '../row.js';

/** Time until a stream that was refused is tried again. */
const RETRY_MS = 3000;

/**
 * Follows the events of the scaler, for ever. A browser reconnects by itself, but not after a refusal; and a stream that
 * is silent for long may have lost its other end without a word.
 */
export function follow(onUpdate: (update: Update) => void, silenceMs = 20_000): void {
  const source = new EventSource('api/v1/events');
  let heardAt = performance.now();
  const check = setInterval(() => {
    const isLost = source.readyState === EventSource.CLOSED || performance.now() - heardAt > silenceMs;
    if (!isLost) return;
    clearInterval(check);
    source.close();
    follow(onUpdate, silenceMs);
  }, RETRY_MS);
  source.onmessage = ({ data }) => {
    heardAt = performance.now();
    onUpdate(JSON.parse(data as string) as Update);
  };
}

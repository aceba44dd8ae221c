import { setTimeout as sleep } from 'node:timers/promises';
import type { Board } from './board.js';
import type { Status, Update } from './row.js';

/** Changes are collected for this long. */
const PAUSE_MS = 1000;
/** Without changes, the time is told this often: silence means that the scaler has stopped. */
const TICK_SECONDS = 5;

export interface StreamSources {
  readonly board: Pick<Board, 'read'>;
  readonly status: () => Status;
  /** Seconds since the epoch. */
  readonly clock: () => number;
}

/**
 * Server-sent events: every row, then what changes. The next one is made when the reader has taken the last, from what is
 * known then.
 */
export async function* eventStream(
  { board, status, clock }: StreamSources,
  pauseMs = PAUSE_MS,
): AsyncGenerator<string> {
  const reader = board.read();
  let [told, toldAt] = ['', 0];
  try {
    yield 'retry: 2000\n\n';
    for (let first = true; ; first = false) {
      const now = clock();
      const changes = reader.take();
      const current = status();
      const text = JSON.stringify(current);
      const hasNews = first || text !== told || Object.keys(changes).length > 0;
      if (hasNews || now - toldAt >= TICK_SECONDS || now < toldAt) {
        const update: Update = {
          now,
          ...(first && { first }),
          ...(text !== told && { status: current }),
          ...changes,
        };
        [told, toldAt] = [text, now];
        yield `data: ${JSON.stringify(update)}\n\n`;
      }
      if (!changes.more) await sleep(pauseMs, undefined, { ref: false });
    }
  } finally {
    reader.close();
  }
}

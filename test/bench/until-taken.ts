import type { ServerResponse } from 'node:http';

/** Resolves once the client has taken what was written, or has gone. */
export function untilTaken(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

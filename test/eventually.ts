import { setTimeout as sleep } from 'node:timers/promises';

type Found<T> = Exclude<T, undefined | false | ''>;

/** Waits until the probe returns something other than undefined, false or '', and returns that; errors name `what`. */
export async function eventually<T>(
  what: string,
  probe: () => T | Promise<T>,
  ms = 10_000,
): Promise<Found<T>> {
  const deadline = Date.now() + ms;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false && found !== '') return found as Found<T>;
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(10);
  }
}

/**
 * Serves requests in the order in which they come, `capacity` at once: a disk, a database. When one is done is known as it
 * comes, so nothing has to happen in between.
 */
export class Station {
  readonly #freeAt: number[];

  /** @param capacity Infinity: nobody waits */
  constructor(capacity: number) {
    this.#freeAt = capacity === Infinity ? [] : new Array<number>(capacity).fill(0);
  }

  /**
   * @param time that it takes, seconds
   * @returns when it is done
   */
  serve(time: number, now: number): number {
    const freeAt = this.#freeAt;
    if (freeAt.length === 0) return now + time;
    let first = 0;
    for (let index = 1; index < freeAt.length; index++) if (freeAt[index]! < freeAt[first]!) first = index;
    return (freeAt[first] = Math.max(now, freeAt[first]!) + time);
  }
}

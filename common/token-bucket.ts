/** Lets one request through per interval, and as many in a row as it had time to save up. */
export class TokenBucket {
  #tokens: number;
  #at: number | undefined;

  /** @param intervalSeconds to earn a token @param burst tokens that fit, and that there are at first */
  constructor(
    private readonly intervalSeconds: number,
    private readonly burst: number,
  ) {
    this.#tokens = burst;
  }

  /** Takes a token if there is one. @param now - seconds on a clock that only goes forward */
  take(now: number): boolean {
    const earned = (now - (this.#at ?? now)) / this.intervalSeconds;
    this.#tokens = Math.min(this.burst, this.#tokens + earned);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}

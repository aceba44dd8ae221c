/**
 * Runs a round at once and then at every interval. Rounds never overlap: one that takes longer than the
 * interval makes the next ones be left out and reported.
 */
export class Ticker {
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(
    private readonly round: () => Promise<void>,
    private readonly missed: () => void,
  ) {}

  /** Starts, or goes on with another interval. @param interval seconds */
  start(interval: number): void {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => {
      this.#tick();
    }, interval * 1000);
    if (!this.#running) this.#tick();
  }

  /** Starts no further round and resolves when the one under way has ended. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  #tick(): void {
    if (this.#running) {
      this.missed();
      return;
    }
    this.#running = this.round().finally(() => {
      this.#running = undefined;
    });
  }
}

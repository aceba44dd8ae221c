/** A group without a successful round for this many seconds, and for three of its intervals, makes the scaler unready. */
const UNREADY_SECONDS = 60;
const UNREADY_INTERVALS = 3;

/** Whether the rounds of one group succeed, and in time. */
export class RoundHealth {
  /** End of the last successful round, or the beginning. */
  #succeededAt: number;
  #startedAt: number | undefined;
  #failure: string | undefined;
  #late = false;

  /** @param clock monotonic, seconds */
  constructor(private readonly clock: () => number) {
    this.#succeededAt = clock();
  }

  begin(): void {
    this.#startedAt = this.clock();
    this.#late = false;
  }

  /** @param failure reason why the round failed, if it did */
  end(failure?: string): void {
    this.#startedAt = undefined;
    this.#failure = failure;
    if (failure === undefined) this.#succeededAt = this.clock();
  }

  /**
   * Notes that the running round is due to begin again.
   *
   * @returns true the first time in a round
   */
  late(): boolean {
    const isNews = !this.#late;
    this.#late = true;
    return isNews;
  }

  /** True from a round that failed until one succeeds. */
  hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Clauses about the last round and the one that is running. */
  problems(): string[] {
    const failed = this.#failure === undefined ? [] : [`the round failed: ${this.#failure}`];
    if (this.#startedAt === undefined || !this.#late) return failed;
    return [...failed, `a round has been running for ${Math.round(this.clock() - this.#startedAt)} s`];
  }

  /** A clause, if no round has succeeded for too long. @param interval seconds */
  unready(interval: number): string | undefined {
    const since = this.clock() - this.#succeededAt;
    if (since <= Math.max(UNREADY_SECONDS, UNREADY_INTERVALS * interval)) return undefined;
    return [`no round has succeeded for ${Math.round(since)} s`, ...this.problems()].join(', ');
  }
}

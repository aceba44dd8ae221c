import type { Costs, Probes, ProgramCost } from 'bpf-linker-napi';
import { errorMessage } from '../common/errors.js';
import type { Logger } from '../common/log.js';

/** One percent of the time: it adds as much to what the programs cost, and sees each of them often enough. */
export const BURST_MS = 50;
export const BURST_EVERY_MS = 5000;

/**
 * What the BPF programs cost so far, estimated: they time themselves in short bursts, and a burst stands for all the
 * time since the one before it. Its moment is drawn at random, so that no rhythm of a load hides from it.
 */
export class ProbeCosts {
  #totals: readonly ProgramCost[] = [];
  #covered = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(
    private readonly probes: Pick<Probes, 'measure'>,
    private readonly log: Logger,
  ) {
    void this.#burst();
  }

  /** Nothing before the first burst has ended. */
  get totals(): readonly ProgramCost[] {
    return this.#totals;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #burst(): Promise<void> {
    try {
      const costs = await this.probes.measure(BURST_MS);
      const now = performance.now();
      this.#totals = addBurst(this.#totals, costs, (now - this.#covered) / 1000);
      this.#covered = now;
    } catch (error) {
      if (!this.#isClosed) this.log.error({ error: errorMessage(error) }, 'cannot tell what the probes cost');
    }
    if (this.#isClosed) return;
    const delay = BURST_EVERY_MS * (0.5 + Math.random());
    this.#timer = setTimeout(() => void this.#burst(), delay).unref();
  }
}

/** The totals after a burst that stands for so many seconds. Counters never fall, whatever the clock's noise. */
export function addBurst(
  totals: readonly ProgramCost[],
  burst: Costs,
  seconds: number,
): readonly ProgramCost[] {
  const scale = seconds / burst.seconds;
  return burst.programs.map((cost) => {
    const before = totals.find(({ program }) => program === cost.program);
    return {
      program: cost.program,
      runs: (before?.runs ?? 0) + scale * cost.runs,
      seconds: (before?.seconds ?? 0) + scale * Math.max(0, cost.seconds),
    };
  });
}

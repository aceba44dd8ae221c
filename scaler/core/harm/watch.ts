import type { Sign } from '../decision.js';

/** Rounds without a sign after which a workload is well again. */
const ROUNDS_TO_RECOVER = 2;

/** How a workload has fared until now. Plain JSON. */
export interface Watch {
  /** Rounds in a row with a sign, and without one. */
  readonly signs: number;
  readonly quiet: number;
  /** Time since when it is harmed, seconds since the epoch. */
  readonly harmedSince?: number;
  /** Time when it was last harmed. */
  readonly lastHarmed?: number;
  /** Time since when nothing but its latency, or a collapse, is unusual. */
  readonly differsSince?: number;
  /** Time since when there is neither a sign nor a shortage of CPU. */
  readonly calmSince?: number;
  /** Arrivals per second in the last round without a sign. */
  readonly quietLoad?: number;
  /** Time since when requests come from callers that are not known. */
  readonly strangersSince?: number;
}

export const NEW_WATCH: Watch = { signs: 0, quiet: 0 };

export interface Observed {
  readonly signs: readonly Sign[];
  /** Rounds with signs that make harm. */
  readonly rounds: number;
  readonly arrived: number;
  readonly isSaturated: boolean;
  /** True if requests are answered as they come. */
  readonly isBalanced: boolean;
  /** True if more requests come than the known callers send. */
  readonly hasStrangers: boolean;
}

/** The watch after one more round. */
export function observe(watch: Watch, round: Observed, now: number): Watch {
  const { signs, rounds, arrived, isSaturated, isBalanced, hasStrangers } = round;
  const isQuiet = signs.length === 0;
  const counts = isQuiet ? { signs: 0, quiet: watch.quiet + 1 } : { signs: watch.signs + 1, quiet: 0 };
  const wasHarmed = watch.harmedSince !== undefined;
  const isHarmed = counts.signs >= rounds || (wasHarmed && counts.quiet < ROUNDS_TO_RECOVER);
  const differs = !isQuiet && isBalanced && signs.every(({ kind }) => kind === 'latency' || kind === 'collapse');
  return {
    ...counts,
    ...(isHarmed && { harmedSince: watch.harmedSince ?? now, lastHarmed: now }),
    ...(!isHarmed && watch.lastHarmed !== undefined && { lastHarmed: watch.lastHarmed }),
    ...(differs && { differsSince: watch.differsSince ?? now }),
    ...(isQuiet && !isSaturated && { calmSince: watch.calmSince ?? now }),
    ...(hasStrangers && { strangersSince: watch.strangersSince ?? now }),
    ...(isQuiet ? { quietLoad: arrived } : watch.quietLoad !== undefined && { quietLoad: watch.quietLoad }),
  };
}

/**
 * Seconds from `at` to `now`, rounded to the millisecond: a Unix time in floating-point seconds is exact only to
 * a quarter of a microsecond, and an age of exactly a window's or a period's length must compare equal to it.
 */
export function elapsed(at: number, now: number): number {
  return Math.round((now - at) * 1000) / 1000;
}

/** Clocks of machines differ by up to this many seconds without being named. */
export const CLOCK_TOLERANCE = 5;

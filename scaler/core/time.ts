/**
 * Seconds from `at` to `now`, rounded to the millisecond: a time of day in floating-point seconds is only good to
 * a quarter of a microsecond, and an age of exactly a window's or a period's length must compare equal to it.
 */
export function elapsed(at: number, now: number): number {
  return Math.round((now - at) * 1000) / 1000;
}

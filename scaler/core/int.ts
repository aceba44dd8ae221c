/**
 * Integers as in Kubernetes, which keeps quantities in int64 thousandths and replicas in int32. Equal results need both:
 * sums of bytes in thousandths exceed the exact range of a double, and divisions truncate.
 */
export const INT32_MAX = 2_147_483_647;
const INT64_MAX = 2 ** 63 - 1;
const INT32_MIN = -2_147_483_648;

/** True for an amount whose thousandths fit an int64; false for NaN. */
export function fitsMilli(value: number): boolean {
  return Math.abs(value * 1000) <= INT64_MAX;
}

/** Converts to thousandths: rounding errors of floating-point sums must not tip a ceiling. */
export function milli(value: number): bigint {
  return BigInt(Math.round(value * 1000));
}

/** Go's `int64`: wraps around. */
export function toInt64(value: bigint): bigint {
  return BigInt.asIntN(64, value);
}

/** Go's `int32` of an integer: wraps around. */
export function wrapToInt32(value: bigint): number {
  return Number(BigInt.asIntN(32, value));
}

/** Go's `int32` of a float on amd64: truncates, and a value out of range becomes the least int32. */
export function toInt32(value: number): number {
  const whole = Math.trunc(value);
  // Adding zero turns -0 into 0.
  return whole >= INT32_MIN && whole <= INT32_MAX ? whole + 0 : INT32_MIN;
}

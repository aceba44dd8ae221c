/** Seconds since any time, which no change of the machine's clock moves. */
export function monotonic(): number {
  return performance.now() / 1000;
}

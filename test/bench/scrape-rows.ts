/** One line of the report of `npm run bench:scrape`. */
export interface Row {
  readonly what: string;
  readonly ours: number;
  readonly peer: number;
  readonly peerName: string;
  readonly unit: string;
  /** The peer's figure divided by ours; above 1 ours is cheaper, or the goal is met. */
  readonly ratio: number;
}

export function row(what: string, unit: string, ours: number, peer: number, peerName: string): Row {
  const round = (value: number) => +value.toPrecision(3);
  return { what, ours: round(ours), peer: round(peer), peerName, unit, ratio: round(peer / ours) };
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

import type { Behavior } from './types.js';

/** HPA's tolerance where `behavior` is omitted. */
export const DEFAULT_TOLERANCE = 0.1;

/** By which fraction the ratio may leave 1 on either side before anything is done. */
export interface Tolerance {
  readonly up: number;
  readonly down: number;
}

export function toleranceOf(behavior: Behavior | null): Tolerance {
  return {
    up: behavior?.scaleUp.tolerance ?? DEFAULT_TOLERANCE,
    down: behavior?.scaleDown.tolerance ?? DEFAULT_TOLERANCE,
  };
}

/** Whether the ratio is too near to 1 to do anything; both ends belong to the tolerance. */
export function withinTolerance(ratio: number, { up, down }: Tolerance): boolean {
  return 1 - down <= ratio && ratio <= 1 + up;
}

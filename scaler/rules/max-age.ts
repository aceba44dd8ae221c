import { parseDuration } from '../../common/duration.js';

/** Age from which a sample is not acted on, seconds. */
export const DEFAULT_MAX_AGE = 45;

export function fillMaxAge(maxAge: string | undefined): number {
  return maxAge === undefined ? DEFAULT_MAX_AGE : parseDuration(maxAge);
}

import { parseDuration } from '../../common/duration.js';

/** A number that changes in steps, in order of their times. */
export type Profile = readonly { readonly from: number; readonly value: number }[];

/**
 * Reads steps such as `20 100@5m 20@15m`: 20 at first, 100 from five minutes on.
 *
 * @throws Error with a sentence that says what is wrong
 */
export function parseProfile(text: string): Profile {
  const steps = text
    .trim()
    .split(/[\s,]+/)
    .map((step) => {
      const [, value, at = '0s'] = /^(\d+(?:\.\d+)?)(?:@(\w+))?$/.exec(step) ?? [];
      if (value === undefined) throw new Error(`"${step}" is no step; write steps like 20 100@5m 20@15m`);
      return { from: parseDuration(at), value: Number(value) };
    });
  const late = steps.findIndex(({ from }, index) =>
    index === 0 ? from > 0 : from <= steps[index - 1]!.from,
  );
  if (late === 0) throw new Error('the first step must be from the beginning on: leave out its @');
  if (late > 0) throw new Error('every step must be later than the one before it');
  return steps;
}

/** @param at seconds from the beginning */
export function valueAt(profile: Profile, at: number): number {
  return profile.findLast(({ from }) => from <= at)?.value ?? 0;
}

import { parseDuration } from '../../common/duration.js';

/** A number that changes in steps, sorted by time; times are seconds since the start. */
export type Profile = readonly { readonly from: number; readonly value: number }[];

/**
 * Parses steps such as `20 100@5m 20@15m`: 20 at first, 100 after five minutes, 20 after fifteen.
 *
 * @throws Error with a message for the user
 */
export function parseProfile(text: string): Profile {
  const steps = text
    .trim()
    .split(/[\s,]+/)
    .map((step) => {
      const [, value, at = '0s'] = /^(\d+(?:\.\d+)?)(?:@(\w+))?$/.exec(step) ?? [];
      if (value === undefined) throw new Error(`"${step}" is not a step; write steps like 20 100@5m 20@15m`);
      return { from: parseDuration(at), value: Number(value) };
    });
  const late = steps.findIndex(({ from }, index) =>
    index === 0 ? from > 0 : from <= steps[index - 1]!.from,
  );
  if (late === 0) throw new Error('the first step must start at 0: leave out its @');
  if (late > 0) throw new Error('every step must be later than the one before it');
  return steps;
}

/** @param at seconds since the start */
export function valueAt(profile: Profile, at: number): number {
  return profile.findLast(({ from }) => from <= at)?.value ?? 0;
}

/** A profile that goes straight from step to step, in steps of a second. */
export function ramp(profile: Profile): Profile {
  const last = profile.at(-1)!;
  const seconds = Array.from({ length: Math.floor(last.from) }, (_, from) => {
    const index = profile.findLastIndex((step) => step.from <= from);
    const before = profile[index]!;
    const after = profile[index + 1]!;
    const part = (from - before.from) / (after.from - before.from);
    return { from, value: before.value + part * (after.value - before.value) };
  });
  return [...seconds, last];
}

/**
 * Parses one number per line, one line per second. The load stays at the last one.
 *
 * @param scale factor of every number
 * @throws Error with a message for the user
 */
export function parseTrace(text: string, scale = 1): Profile {
  return text
    .trim()
    .split(/\s+/)
    .map((line, from) => {
      const value = Number(line);
      if (line === '' || !(value >= 0))
        throw new Error(`line ${from + 1}: "${line}" is not a number of at least 0`);
      return { from, value: value * scale };
    });
}

import { KernscaleError } from './errors.js';

const UNIT_SECONDS: Record<string, number> = {
  ms: 0.001,
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
  y: 31_536_000,
};
const SHAPE = /^(?:\d+y)?(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m(?!s))?(?:\d+s)?(?:\d+ms)?$/;

/**
 * Parses a duration in Prometheus' format (`90s`, `1h30m`, `250ms`; units largest first).
 *
 * @returns seconds
 * @throws KernscaleError `BAD_DURATION`
 */
export function parseDuration(text: string): number {
  if (text === '0') return 0;
  if (text === '' || !SHAPE.test(text)) {
    throw new KernscaleError('BAD_DURATION', `"${text}" is not a duration; write it like 90s, 5m or 1h30m`);
  }
  let seconds = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|[smhdwy])/g)) {
    seconds += Number(amount) * UNIT_SECONDS[unit!]!;
  }
  return seconds;
}

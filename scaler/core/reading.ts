import { own } from '../../common/own.js';
import { CLOCK_TOLERANCE, elapsed } from './time.js';
import type { Samples } from './round.js';
import type { Absent, Reading, RuleSettings } from './types.js';

export function isAbsent(reading: object): reading is Absent {
  return 'absent' in reading;
}

/** Reads a signal; one that is too old, from the future, not a quantity or lacks pods is absent. */
export function readSignal(
  samples: Samples,
  signal: string,
  rule: Pick<RuleSettings, 'maxAge'>,
  now: number,
): Reading {
  const reading = readSumOfPods(samples, signal, rule, now);
  if (isAbsent(reading) || reading.lacking === undefined) return reading;
  return { absent: 'nan', text: reading.lacking };
}

/** Reads a signal as `readSignal`, also where its sum lacks pods. */
export function readSumOfPods(
  samples: Samples,
  signal: string,
  rule: Pick<RuleSettings, 'maxAge'>,
  now: number,
): Reading {
  const reading = own(samples.signals, signal);
  if (reading === undefined) return { absent: 'missing', text: 'not queried' };
  return actable(reading, own(rule.maxAge, signal) ?? Infinity, now);
}

/** Returns the reading, or the reason why it must not be acted on. Signals are quantities, so none is negative. */
export function actable(reading: Reading, maxAge: number, now: number): Reading {
  if (isAbsent(reading)) return reading;
  const { value, timestamp } = reading;
  if (!Number.isFinite(value) || value < 0) return { absent: 'nan', text: `value is ${value}` };
  const age = elapsed(timestamp, now);
  if (!(age <= maxAge)) {
    return { absent: 'stale', text: `last sample is ${age} s old, limit ${maxAge} s` };
  }
  if (age < -CLOCK_TOLERANCE) {
    return { absent: 'stale', text: `last sample is ${-age} s in the future; compare the clocks` };
  }
  return reading;
}

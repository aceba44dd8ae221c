import type { Measures } from './measures.js';
import { isAbsent } from './reading.js';
import type { Absent } from './types.js';

/**
 * The recent window with what is measured of the settled one alone: time in states but on a CPU, time to serve, and calls.
 * Growing takes none of these from the recent one, except for a few of them where something else is not measured.
 */
export function completed(recent: Measures | Absent, settled: Measures | Absent): Measures | Absent {
  if (isAbsent(recent)) return recent;
  if (isAbsent(settled)) return settled;
  const { requests } = recent;
  return {
    ...recent,
    states: { ...settled.states, oncpu: recent.states.oncpu ?? 0 },
    serving: recent.serving && settled.serving && { ...settled.serving, oncpu: recent.serving.oncpu ?? 0 },
    requests: requests && { ...requests, served: settled.requests?.served ?? 0 },
    calls: settled.calls,
  };
}

import { milliseconds, percent } from './format.js';
import { isAbsent } from './reading.js';
import type { ObjectiveTrace, Reading, Rule } from './types.js';

/**
 * Whether the latency objective of a rule is kept; undefined for a rule without one.
 *
 * While it is kept, replicas do not grow, however much CPU is asked for: nobody waits too long. While it is missed
 * they do not shrink. A latency that is not known, as of a service that nobody asks anything, gates nothing.
 */
export function weighObjective(
  { objective }: Pick<Rule, 'objective'>,
  read: (signal: string) => Reading,
): ObjectiveTrace | undefined {
  if (!objective) return undefined;
  const reading = read(objective.signal);
  if (isAbsent(reading)) return { ...objective, absent: reading.absent, text: reading.text };
  return { ...objective, measured: reading.value, kept: reading.value <= objective.latency };
}

/** How the measured latency stands to the objective, as a clause. */
export function objectiveText({ latency, quantile, measured, kept, text }: ObjectiveTrace): string {
  if (measured === undefined)
    return `its latency is not known (${text ?? ''}), so the objective gates nothing`;
  const served = `${percent(quantile)} of requests are answered within ${milliseconds(measured)}`;
  return `${served}, which ${kept ? 'keeps' : 'misses'} the objective of ${milliseconds(latency)}`;
}

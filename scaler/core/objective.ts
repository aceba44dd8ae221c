import type { ObjectiveTrace } from './decision.js';
import { isAbsent } from './reading.js';
import type { Reading, Rule } from './types.js';

/**
 * Compares the measured latency with the objective of a rule; undefined for a rule without one.
 *
 * While the objective is kept, replicas do not grow, however high the CPU demand. While it is missed they do not
 * shrink. An unknown latency, such as that of a service without requests, gates nothing.
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

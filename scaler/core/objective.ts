import type { ObjectiveTrace } from './decision.js';
import { isAbsent, readSignal } from './reading.js';
import type { Rule, Samples } from './types.js';

/**
 * Compares the measured latency with the objective of a rule; undefined for a rule without one. A missed objective is a
 * sign of harm. An unknown latency, such as that of a service without requests, is none.
 */
export function weighObjective(rule: Rule, samples: Samples, now: number): ObjectiveTrace | undefined {
  const { objective } = rule;
  if (!objective) return undefined;
  const reading = readSignal(samples, objective.signal, rule, now);
  if (isAbsent(reading)) return { ...objective, absent: reading.absent, text: reading.text };
  return { ...objective, measured: reading.value, kept: reading.value <= objective.latency };
}

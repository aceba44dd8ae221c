import { oncePer } from '../../common/once.js';
import { classify, type Classification } from './classify.js';
import type { InputTrace, ObjectiveTrace } from './decision.js';
import { isAbsent, readSignal } from './reading.js';
import { absentPodSignals, size, usableRequest, type Sizing } from './sizing.js';
import { elapsed } from './time.js';
import { TARGET, type Absent, type History, type Reading, type Rule, type Samples } from './types.js';

const REQUEST = 'request';
const PODS = 'pods';

/** Result of a workload's own signals in a round, before its dependencies are considered. */
export interface Assessment {
  readonly inputs: readonly InputTrace[];
  /** Inputs without which scaling down would be a guess. */
  readonly missing: readonly InputTrace[];
  readonly sizing: Sizing | Absent;
  readonly objective: ObjectiveTrace | undefined;
  /** Number of pods that the demand is measured on, if known. */
  readonly measuredPods: number | undefined;
  readonly classification: Classification;
}

/** Reads the rule's signals, computes demand over target and finds the class. */
export function assess(
  rule: Rule,
  samples: Samples,
  history: Pick<History, 'steps'>,
  now: number,
): Assessment {
  const read = (signal: string): Reading => {
    const reading = readSignal(samples, signal, rule, now);
    return signal === REQUEST ? usableRequest(reading) : reading;
  };
  // A workload at zero replicas has no ratio; it is not scaled either.
  const scaled = samples.replicas > 0 ? samples : { ...samples, replicas: 1 };
  const demand = read(rule.target.signal);
  const sizing = size(rule, scaled, demand, read(REQUEST), now);
  const ratio: Reading = isAbsent(sizing) ? sizing : { value: sizing.trace.ratio, timestamp: now };
  const classification = classify(
    rule.decide,
    (signal) => (signal === TARGET ? ratio : read(signal)),
    history.steps,
    now,
  );
  const pods = Object.hasOwn(samples.signals, PODS) ? read(PODS) : undefined;
  const absentByPod = isAbsent(demand) ? [] : absentPodSignals(rule, samples);
  const inputs = [
    ...(pods ? signalsWithPods : signalsWithoutPods)(rule).map((signal) =>
      inputTrace(signal, read(signal), now),
    ),
    ...absentByPod.map(({ signal, absence }) => inputTrace(signal, absence, now)),
  ];
  return {
    inputs,
    missing: inputs.filter((input) => input.absent !== undefined && !isIdleLatency(input, rule)),
    sizing,
    objective: weighObjective(rule, read),
    measuredPods: pods === undefined || isAbsent(pods) ? undefined : pods.value,
    classification,
  };
}

/** Signals that the rule's target, objective and steps need. */
function signalsOf(rule: Rule, withPods: boolean): string[] {
  const signals = new Set([rule.target.signal]);
  if ('averageUtilization' in rule.target) signals.add(REQUEST);
  if (withPods) signals.add(PODS);
  if (rule.objective) signals.add(rule.objective.signal);
  for (const step of rule.decide) for (const signal of Object.keys(step.when ?? {})) signals.add(signal);
  signals.delete(TARGET);
  return [...signals];
}

const signalsWithPods = oncePer((rule: Rule) => signalsOf(rule, true));
const signalsWithoutPods = oncePer((rule: Rule) => signalsOf(rule, false));

/** A service without requests has no latency, and that is no gap in the data. */
function isIdleLatency({ signal, absent }: InputTrace, { objective }: Rule): boolean {
  return signal === objective?.signal && (absent === 'missing' || absent === 'nan');
}

function inputTrace(signal: string, reading: Reading, now: number): InputTrace {
  if (isAbsent(reading)) return { signal, absent: reading.absent, text: reading.text };
  return { signal, value: reading.value, ageSeconds: elapsed(reading.timestamp, now) };
}

/**
 * Compares the measured latency with the objective of a rule; undefined for a rule without one.
 *
 * While the objective is kept, replicas do not grow, however high the CPU demand. While it is missed they do not
 * shrink. An unknown latency, such as that of a service without requests, gates nothing.
 */
function weighObjective(
  { objective }: Pick<Rule, 'objective'>,
  read: (signal: string) => Reading,
): ObjectiveTrace | undefined {
  if (!objective) return undefined;
  const reading = read(objective.signal);
  if (isAbsent(reading)) return { ...objective, absent: reading.absent, text: reading.text };
  return { ...objective, measured: reading.value, kept: reading.value <= objective.latency };
}

import { classify, type Classification } from './classify.js';
import { weighObjective } from './objective.js';
import { oncePer } from '../../common/once.js';
import { isAbsent, readSignal } from './reading.js';
import { unansweredByPod } from './size-pods.js';
import { size, usableRequest, type Sizing } from './size.js';
import type { Absent, History, InputTrace, ObjectiveTrace, Reading, Rule, WorkloadSamples } from './types.js';
import { elapsed } from './time.js';

/** The name under which a decide step asks for the ratio of demand to target. */
export const TARGET = 'target';
const REQUEST = 'request';
const PODS = 'pods';

/** What a workload's own signals say about it, before anybody else is looked at. */
export interface Assessment {
  readonly inputs: readonly InputTrace[];
  /** Inputs without which scaling down would be a guess. */
  readonly missing: readonly InputTrace[];
  readonly sizing: Sizing | Absent;
  readonly objective: ObjectiveTrace | undefined;
  /** How many pods the demand was measured on, if that is known. */
  readonly measuredPods: number | undefined;
  readonly classification: Classification;
}

/** Reads the rule's signals, computes demand over target and finds the class. */
export function assess(
  rule: Rule,
  samples: WorkloadSamples,
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
  const byPod = isAbsent(demand) ? [] : unansweredByPod(rule, samples);
  const inputs = [
    ...(pods ? signalsWithPods : signalsWithoutPods)(rule).map((signal) =>
      inputTrace(signal, read(signal), now),
    ),
    ...byPod.map(({ signal, absence }) => inputTrace(signal, absence, now)),
  ];
  return {
    inputs,
    missing: inputs.filter((input) => input.absent !== undefined && !isNobodyServed(input, rule)),
    sizing,
    objective: weighObjective(rule, read),
    measuredPods: pods === undefined || isAbsent(pods) ? undefined : pods.value,
    classification,
  };
}

/** Every signal that the rule's target and steps need. */
function signalsOf(rule: Rule, withPods: boolean): string[] {
  const signals = new Set([rule.target.signal]);
  if ('averageUtilization' in rule.target) signals.add(REQUEST);
  if (withPods) signals.add(PODS);
  if (rule.objective) signals.add(rule.objective.signal);
  for (const step of rule.decide) for (const signal of Object.keys(step.when)) signals.add(signal);
  signals.delete(TARGET);
  return [...signals];
}

const signalsWithPods = oncePer((rule: Rule) => signalsOf(rule, true));
const signalsWithoutPods = oncePer((rule: Rule) => signalsOf(rule, false));

/** A service that nobody asks anything has no latency, and that is no gap in the data. */
function isNobodyServed({ signal, absent }: InputTrace, { objective }: Rule): boolean {
  return signal === objective?.signal && (absent === 'missing' || absent === 'nan');
}

function inputTrace(signal: string, reading: Reading, now: number): InputTrace {
  if (isAbsent(reading)) return { signal, absent: reading.absent, text: reading.text };
  return { signal, value: reading.value, ageSeconds: elapsed(reading.timestamp, now) };
}

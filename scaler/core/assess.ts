import { own } from '../../common/own.js';
import { oncePer } from '../../common/once.js';
import { classify, type Classification } from './classify.js';
import type { InputTrace, ObjectiveTrace } from './decision.js';
import { fromUsage, sizeByDemand, sizeUnjudged, type DemandSizing } from './demand/replicas.js';
import { stepsInForce } from './harm/steps.js';
import { isUnseen, replicasAtWork } from './idle-pods.js';
import { isComplete, type Judgement } from './judge.js';
import { newPods, stayingPods } from './new-pods.js';
import { weighObjective } from './objective.js';
import { isInvisible, partlyOpaque } from './opaque.js';
import { largest, type Proposal } from './proposals.js';
import { isAbsent, readSignal, readSumOfPods } from './reading.js';
import { absentPodSignals, isSizedByPods, size, usableRequest, type Sizing } from './sizing.js';
import { byTarget, isCpuDemand, requestSignal, targetsOf } from './targets.js';
import { elapsed } from './time.js';
import type { History, Samples } from './round.js';
import { TARGET, type Absent, type DecideStep, type Reading, type Rule } from './types.js';

const REQUEST = 'request';
const PODS = 'pods';
/** Name of the input that the windows are; the signal of this name is read from them. */
const REQUESTS = 'requests';

/** Result of a workload's own signals in a round, before its dependencies are considered. */
export interface Assessment {
  readonly inputs: readonly InputTrace[];
  /** Inputs without which scaling down would be a guess. */
  readonly missing: readonly InputTrace[];
  /** What each target calls for, in the rule's order. */
  readonly proposals: readonly Proposal[];
  /** The one of them that decides. */
  readonly decisive: Proposal;
  readonly sizing: Sizing | Absent;
  /** Undefined where the workload is not sized by its CPU demand, decisive or not. */
  readonly byDemand: DemandSizing | undefined;
  readonly objective: ObjectiveTrace | undefined;
  /** Number of pods that the demand is measured on and that stay, if known. */
  readonly measuredPods: number | undefined;
  /** Pods that are new to the window by which the workload is sized, and its seconds. */
  readonly newcomers: { readonly pods: number; readonly window: number };
  /** Number of replicas that may carry load. */
  readonly atWork: number;
  /** Number of those that no exporter sees: they count at their whole request. */
  readonly unseen: number;
  readonly classification: Classification;
}

type AssessedHistory = Pick<History, 'steps' | 'memory' | 'scaleUps' | 'fewerPodsSince' | 'unseenSince'>;

/**
 * Reads the rule's signals, computes demand over target and finds the class.
 *
 * @param judgement undefined where requests are not measured
 */
export function assess(
  rule: Rule,
  samples: Samples,
  history: AssessedHistory,
  judgement: Judgement | undefined,
  now: number,
): Assessment {
  const read = reader(rule, samples, now);
  // A workload at zero replicas has no ratio; it is not scaled either.
  const scaled = samples.replicas > 0 ? samples : { ...samples, replicas: 1 };
  const sized = byTarget(rule).map((one) => propose(one, scaled, read, history, judgement, now));
  const decisive = largest(sized);
  const { sizing } = decisive;
  const ratio: Reading = isAbsent(sizing) ? sizing : { value: sizing.trace.ratio, timestamp: now };
  const steps = stepsInForce(decisive.rule, samples);
  const readInput = (name: string): Reading =>
    sized.find((one) => one.rule.target.signal === name)?.demand ?? read(name);
  const inputs = [
    ...signalsOf(rule, steps, samples).map((name) => inputTrace(name, readInput(name), now)),
    ...sized.flatMap((one) =>
      isAbsent(one.demand) || one.byDemand ? [] : absentByPod(one.rule, samples, now),
    ),
    ...absentWindows(samples, sized),
  ];
  return {
    inputs,
    missing: inputs.filter((input) => input.absent !== undefined && !isIdleLatency(input, rule)),
    proposals: sized,
    decisive,
    sizing,
    byDemand: sized.find((one) => one.byDemand)?.byDemand,
    objective: weighObjective(rule, samples, now),
    measuredPods: measuredPods(samples, read),
    newcomers: newcomersIn(rule, samples, judgement, now),
    atWork: replicasAtWork(samples, history, now),
    unseen: Math.max(...sized.map((one) => one.unseen)),
    classification: classify(
      steps,
      (signal) => (signal === TARGET ? ratio : read(signal)),
      harmedBy(decisive.rule, judgement, ratio),
      history.steps,
      now,
    ),
  };
}

/** @param rule with one target */
function propose(
  rule: Rule,
  samples: Samples,
  read: (signal: string) => Reading,
  history: AssessedHistory,
  judgement: Judgement | undefined,
  now: number,
): Proposal & { readonly unseen: number } {
  const demand = demandOf(rule, samples, read, now);
  const resource = rule.target.resource ?? 'CPU';
  const request = usableRequest(read(requestSignal(rule.target)), resource);
  const byUsage = size(rule, samples, demand, request, now);
  const unseen = isUnseen(history, now) ? missingPods(byUsage) : 0;
  const isByCpu = isCpuDemand(rule.target) && !isAbsent(demand);
  const byDemand = isByCpu
    ? sizeByCpu(rule, samples, history, judgement, { byUsage, unseen }, now)
    : undefined;
  return { rule, demand, sizing: byDemand?.sizing ?? byUsage, byDemand, unseen };
}

/** Size by the CPU demand; undefined where only the CPU used is known, on every pod. */
function sizeByCpu(
  rule: Rule,
  samples: Samples,
  history: AssessedHistory,
  judgement: Judgement | undefined,
  { byUsage, unseen }: { readonly byUsage: Sizing | Absent; readonly unseen: number },
  now: number,
): DemandSizing | undefined {
  if (judgement) {
    const sized = sizeByDemand(rule, samples, judgement, history.memory, byUsage, now);
    return isAbsent(sized) ? undefined : withUnseen(sized, unseen, byUsage);
  }
  const measures = partlyOpaque(samples);
  if (!measures || isAbsent(byUsage)) return undefined;
  const isWhole = isComplete(measures, samples, history, now);
  return sizeUnjudged(samples.replicas, measures, byUsage, history.memory, isWhole, now);
}

function demandOf(rule: Rule, samples: Samples, read: (signal: string) => Reading, now: number): Reading {
  const { signal } = rule.target;
  return isSizedByPods(rule, samples) ? readSumOfPods(samples, signal, rule, now) : read(signal);
}

function hasPods({ signals }: Samples): boolean {
  return Object.hasOwn(signals, PODS);
}

function measuredPods(samples: Samples, read: (signal: string) => Reading): number | undefined {
  if (!hasPods(samples)) return undefined;
  const pods = read(PODS);
  return isAbsent(pods) ? undefined : stayingPods(pods.value, samples);
}

function newcomersIn(rule: Rule, samples: Samples, judgement: Judgement | undefined, now: number) {
  const windows = targetsOf(rule).map(({ signal }) => own(rule.windows, signal) ?? 0);
  const window = judgement?.settled.window ?? Math.max(...windows);
  return { pods: newPods(samples, window, now), window };
}

function missingPods(sizing: Sizing | Absent): number {
  return isAbsent(sizing) ? 0 : (sizing.trace.pods?.missing ?? 0);
}

/** Requests of pods that no exporter sees are not counted, so the size by usage, with their whole request, is the least. */
function withUnseen(byDemand: DemandSizing, unseen: number, byUsage: Sizing | Absent): DemandSizing {
  if (unseen === 0 || isAbsent(byUsage) || byUsage.trace.replicas <= byDemand.sizing.trace.replicas) {
    return byDemand;
  }
  const { memory, noScaleDown } = byDemand;
  return { ...fromUsage(byUsage, memory), noScaleDown };
}

/** The class of what harms a workload; more demand than its pods should carry needs no harm. */
function harmedBy({ target }: Rule, judgement: Judgement | undefined, ratio: Reading): string | undefined {
  const { blame, watch } = judgement ?? {};
  if (blame && watch?.harmedSince !== undefined) {
    if (blame.path.length > 1) return 'dependency';
    if (blame.cause.name === 'disk' || blame.cause.name === 'lock') return blame.cause.name;
  }
  return !isAbsent(ratio) && ratio.value > 1 ? target.signal : undefined;
}

function reader(rule: Rule, samples: Samples, now: number): (signal: string) => Reading {
  return (signal) => {
    const reading = readSignal(samples, signal, rule, now);
    return signal === REQUEST ? usableRequest(reading) : reading;
  };
}

/** Signals that the rule's target, objective and steps need, and that the workload can have. */
function signalsOf(rule: Rule, steps: readonly DecideStep[], samples: Samples): readonly string[] {
  const needed = neededBy(steps);
  const targets = targetsOf(rule);
  const signals = new Set(targets.map(({ signal }) => signal));
  for (const target of targets) {
    const request = requestSignal(target);
    // Other requests than a pod's CPU are those in the Kubernetes API, where the pods are known.
    const isKnown = request !== REQUEST && isSizedByPods({ target }, samples);
    if ('averageUtilization' in target && !isKnown) signals.add(request);
  }
  if (hasPods(samples)) signals.add(PODS);
  if (rule.objective) signals.add(rule.objective.signal);
  for (const signal of needed) signals.add(signal);
  return [...signals].filter((signal) => !isInvisible(signal, samples));
}

const neededBy = oncePer((steps: readonly DecideStep[]) => {
  const signals = new Set(steps.flatMap(({ when = {} }) => Object.keys(when)));
  signals.delete(TARGET);
  return [...signals];
});

function absentByPod(rule: Rule, samples: Samples, now: number): InputTrace[] {
  return absentPodSignals(rule, samples).map(({ signal, absence }) => inputTrace(signal, absence, now));
}

function absentWindows({ windows }: Samples, sized: readonly Proposal[]): InputTrace[] {
  if (!windows || !isAbsent(windows.settled)) return [];
  if (sized.some(({ rule, demand }) => rule.target.signal === REQUESTS && isAbsent(demand))) return [];
  const { absent, text } = windows.settled;
  return [{ signal: REQUESTS, absent, text }];
}

/** A service without requests has no latency, and that is no gap in the data. */
function isIdleLatency({ signal, absent }: InputTrace, { objective }: Rule): boolean {
  return signal === objective?.signal && (absent === 'missing' || absent === 'nan');
}

function inputTrace(signal: string, reading: Reading, now: number): InputTrace {
  if (isAbsent(reading)) return { signal, absent: reading.absent, text: reading.text };
  return { signal, value: reading.value, ageSeconds: elapsed(reading.timestamp, now) };
}

import { normalize, outOfRange, type Normalized, type Scaling } from '../../scaler/core/behavior.js';
import { decide } from '../../scaler/core/decide-round.js';
import { begin, recordScaling } from '../../scaler/core/history.js';
import { EMPTY_HISTORY, type History } from '../../scaler/core/round.js';
import type { Rule } from '../../scaler/core/types.js';
import { DEFAULT_HARM, fillBehavior } from '../../scaler/rules/defaults.js';
import type { RawBehavior } from '../../scaler/rules/schema.js';

interface Spec {
  readonly minReplicas: number | null;
  readonly maxReplicas: number;
  readonly behavior: RawBehavior | null;
}

interface Expectation {
  readonly desiredReplicas: number;
  readonly metricsEvaluated: boolean;
  readonly stabilized?: number;
  readonly stabilizeReason?: string;
  readonly limited?: boolean;
  readonly limitReason?: string;
}

interface Step {
  /** Seconds since the start of the trace. */
  readonly t: number;
  readonly currentReplicas: number;
  readonly usageMilli: readonly (number | null)[];
  readonly rawDesired: number | null;
  readonly spec?: Spec;
  readonly expect: Expectation;
}

export interface BehaviorRow extends Spec {
  readonly id: string;
  readonly steps: readonly Step[];
  readonly metricTargetsMilli: readonly number[];
}

/**
 * Replays a trace of HPA syncs through the normalization. A row of one metric that never fails is also replayed through
 * `decide`: a rule has one target, and after a failure `decide` is more careful than HPA on purpose.
 *
 * @returns the first difference from HPA, if any
 */
export function replayBehavior(row: BehaviorRow): string | undefined {
  const complete =
    row.metricTargetsMilli.length === 1 && row.steps.every(({ usageMilli }) => usageMilli[0] !== null);
  return replayNormalization(row) ?? (complete ? replayDecisions(row) : undefined);
}

function replayDecisions(row: BehaviorRow): string | undefined {
  const averageValue = row.metricTargetsMilli[0]! / 1000;
  let rule = ruleOf(row, averageValue);
  let history = EMPTY_HISTORY;
  for (const { t, currentReplicas, usageMilli, spec, expect } of row.steps) {
    if (spec) rule = ruleOf(spec, averageValue);
    const usage = { value: usageMilli[0]! / 1000, timestamp: t };
    const samples = { replicas: currentReplicas, signals: { usage }, edges: [] };
    const decision = decide(rule, samples, history, t);
    if (decision.replicas !== expect.desiredReplicas) {
      return `t=${t}: decided ${decision.replicas}, HPA ${expect.desiredReplicas} (${decision.reason})`;
    }
    history = decision.history;
  }
  return undefined;
}

function ruleOf(spec: Spec, averageValue: number): Rule {
  return {
    scale: 'replay',
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'default', name: 'replay' },
    ...scalingOf(spec),
    target: { signal: 'usage', averageValue },
    harm: DEFAULT_HARM,
    decide: [],
    maxAge: {},
    windows: {},
    dryRun: false,
    labels: {},
    annotations: {},
  };
}

function replayNormalization(row: BehaviorRow): string | undefined {
  let scaling = scalingOf(row);
  let history = EMPTY_HISTORY;
  for (const step of row.steps) {
    if (step.spec) scaling = scalingOf(step.spec);
    const synced = sync(scaling, step, history);
    const difference = compare(step.expect, synced.got);
    if (difference !== undefined) return `t=${step.t}: ${difference}`;
    history = synced.history;
  }
  return undefined;
}

function scalingOf({ minReplicas, maxReplicas, behavior }: Spec): Scaling {
  return { minReplicas: minReplicas ?? 1, maxReplicas, behavior: fillBehavior(behavior) };
}

/** One HPA sync, in the order of the steps in `decide`. */
function sync(scaling: Scaling, { t, currentReplicas, rawDesired, expect }: Step, before: History) {
  const history = begin(before, currentReplicas, t);
  if (currentReplicas === 0) return { got: { desiredReplicas: 0 }, history };
  const inRange = outOfRange(scaling, currentReplicas);
  if (inRange !== undefined) {
    const recorded = recordScaling(history, scaling.behavior, currentReplicas, inRange, t);
    return { got: { desiredReplicas: inRange }, history: recorded };
  }
  if (!expect.metricsEvaluated || rawDesired === null)
    return { got: { desiredReplicas: currentReplicas }, history };
  const result = normalize(scaling, currentReplicas, rawDesired, history, t);
  const got = {
    desiredReplicas: result.replicas,
    stabilized: result.stabilized,
    stabilizeReason: stabilizeReason(scaling, currentReplicas, rawDesired, result),
    limited: result.replicas !== result.stabilized,
    limitReason: limitReason(scaling, result),
  };
  return {
    got,
    history: recordScaling(result.history, scaling.behavior, currentReplicas, result.replicas, t),
  };
}

/** Reason that HPA states for a stabilization. */
function stabilizeReason(
  { behavior }: Scaling,
  current: number,
  desired: number,
  { stabilized }: Normalized,
) {
  if (stabilized === desired) return 'ReadyForNewScale';
  return behavior && desired >= current ? 'ScaleUpStabilized' : 'ScaleDownStabilized';
}

/** Reason that HPA states for a limit. */
function limitReason(
  { minReplicas, maxReplicas }: Scaling,
  { stabilized, rateLimited, replicas }: Normalized,
) {
  if (replicas < stabilized) return rateLimited < maxReplicas ? 'ScaleUpLimit' : 'TooManyReplicas';
  if (replicas > stabilized) return rateLimited > minReplicas ? 'ScaleDownLimit' : 'TooFewReplicas';
  return 'DesiredWithinRange';
}

function compare(expect: Expectation, got: Partial<Expectation>): string | undefined {
  const fields = ['desiredReplicas', 'stabilized', 'stabilizeReason', 'limited', 'limitReason'] as const;
  const different = fields.find((field) => got[field] !== expect[field]);
  if (different === undefined) return undefined;
  return `${different} is ${got[different]}, HPA's is ${expect[different]}`;
}

import { normalize, outOfRange } from '../../../scaler/core/behavior.js';
import { begin, recordScaling } from '../../../scaler/core/history.js';
import { toleranceOf } from '../../../scaler/core/replica-calculator.js';
import type { History } from '../../../scaler/core/types.js';
import { fillBehavior } from '../../../scaler/rules/defaults.js';
import type { View } from './view.js';

/** Replicas, and the state for the next time. */
export interface Outcome<State> {
  readonly replicas: number;
  readonly state: State;
}

/** An autoscaler of one workload: a pure function of what it sees and of its own state. */
export interface Rival<State> {
  /** Seconds between two decisions. */
  readonly interval: number;
  readonly start: State;
  decide(view: View, state: State): Outcome<State>;
}

export interface Range {
  readonly minReplicas: number;
  readonly maxReplicas: number;
}

/** HPA's sync period, seconds. */
export const SYNC = 15;
/** HPA's defaults: up at once, by 4 pods or 100 % in 15 s; down after 300 s. */
const BEHAVIOR = fillBehavior(undefined);
export const TOLERANCE = toleranceOf(BEHAVIOR);

/**
 * An HPA sync after the metrics: stabilization, rate limit, range, with HPA's default behavior.
 *
 * @param desired undefined where the metrics could not be had: replicas stay
 */
export function sync(
  range: Range,
  { replicas: current, now }: View,
  desired: number | undefined,
  state: History,
): Outcome<History> {
  const history = begin(state, current, now);
  const scaled = (replicas: number, after: History): Outcome<History> => ({
    replicas,
    state: recordScaling(after, BEHAVIOR, current, replicas, now),
  });
  const inRange = outOfRange(range, current);
  if (inRange !== undefined) return scaled(inRange, history);
  if (desired === undefined) return { replicas: current, state: history };
  const normalized = normalize({ ...range, behavior: BEHAVIOR }, current, desired, history, now);
  return scaled(normalized.replicas, normalized.history);
}

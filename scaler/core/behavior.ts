import { limit, limitWithoutBehavior, rememberScaling, type LimitReason, type Range } from './rate-limit.js';
import { stabilise, stabiliseWithoutBehavior, type StabiliseReason } from './stabilise.js';
import { withRecommendations, type Behavior, type History, type RuleSettings } from './types.js';

export type Scaling = Pick<RuleSettings, 'minReplicas' | 'maxReplicas' | 'behavior'>;

export interface Normalised {
  readonly stabilised: number;
  readonly rateLimited: number;
  readonly replicas: number;
  readonly stabiliseReason: StabiliseReason;
  readonly limitReason: LimitReason;
  /** With the proposal remembered, but not yet the change of replicas; see `recordScaling`. */
  readonly history: History;
}

/**
 * HPA v2's normalisation of a proposal: stabilise, then limit the rate, then clamp. `behavior: null` runs the
 * older algorithm of an HPA without `behavior`.
 */
export function normalise(
  scaling: Scaling,
  current: number,
  desired: number,
  history: History,
  now: number,
): Normalised {
  const { behavior } = scaling;
  const proposal = { current, desired, now };
  const stabilised = behavior
    ? stabilise(proposal, behavior, history.recommendations)
    : stabiliseWithoutBehavior(proposal, history.recommendations);
  const limited = behavior
    ? limit(current, stabilised.replicas, scaling, behavior, history, now)
    : limitWithoutBehavior(current, stabilised.replicas, scaling);
  return {
    stabilised: stabilised.replicas,
    rateLimited: limited.rateLimited,
    replicas: limited.replicas,
    stabiliseReason: stabilised.reason,
    limitReason: limited.reason,
    history: withRecommendations(history, stabilised.recommendations),
  };
}

/** Where replicas outside the range go at once, whatever is measured; undefined when they are within it. */
export function outOfRange({ minReplicas, maxReplicas }: Range, current: number): number | undefined {
  if (current > maxReplicas) return maxReplicas;
  if (current < minReplicas) return minReplicas;
  return undefined;
}

/** A rule that has never run starts from the current replicas, so that a full window passes before it scales down. */
export function begin(history: History, current: number, now: number): History {
  if (history.recommendations.length > 0) return history;
  return { ...history, recommendations: [{ replicas: current, at: now }] };
}

/** Remembers that replicas were changed; an HPA without `behavior` keeps no such memory. */
export function recordScaling(
  history: History,
  behavior: Behavior | null,
  from: number,
  to: number,
  now: number,
): History {
  if (behavior === null || from === to) return history;
  return to > from
    ? { ...history, scaleUps: rememberScaling(history.scaleUps, to - from, behavior.scaleUp, now) }
    : { ...history, scaleDowns: rememberScaling(history.scaleDowns, from - to, behavior.scaleDown, now) };
}

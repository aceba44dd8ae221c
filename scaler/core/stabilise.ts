import { elapsed } from './time.js';
import type { Behavior, Recommendation } from './types.js';

/** HPA's window against scaling down too early where `behavior` is omitted, seconds. */
export const DEFAULT_DOWN_WINDOW = 300;

export type StabiliseReason = 'ReadyForNewScale' | 'ScaleUpStabilized' | 'ScaleDownStabilized';

export interface Stabilised {
  readonly replicas: number;
  readonly reason: StabiliseReason;
  readonly recommendations: readonly Recommendation[];
}

export interface Proposal {
  readonly current: number;
  readonly desired: number;
  readonly now: number;
}

/**
 * Keeps replicas between the least and the most that was recommended in the two windows (a recommendation of
 * exactly a window's age is outside it), then remembers the proposal.
 *
 * Source: stabilizeRecommendationWithBehaviors, kubernetes/pkg/controller/podautoscaler.
 */
export function stabilise(
  proposal: Proposal,
  behavior: Behavior,
  recommendations: readonly Recommendation[],
): Stabilised {
  const { current, desired, now } = proposal;
  const upWindow = behavior.scaleUp.stabilizationWindowSeconds;
  const downWindow = behavior.scaleDown.stabilizationWindowSeconds;
  let lower = desired;
  let upper = desired;
  for (const { replicas, at, assumed } of recommendations) {
    const age = elapsed(at, now);
    if (age < upWindow && !assumed) lower = Math.min(lower, replicas);
    if (age < downWindow) upper = Math.max(upper, replicas);
  }
  const replicas = Math.min(Math.max(current, lower), upper);
  return {
    replicas,
    reason: reasonFor(replicas, proposal),
    recommendations: remember(
      recommendations,
      { replicas: desired, at: now },
      Math.max(upWindow, downWindow),
    ),
  };
}

/**
 * The older algorithm of an HPA without `behavior`: the most recommended in 300 s, the boundary included, whatever
 * the current replicas.
 *
 * Source: stabilizeRecommendation, kubernetes/pkg/controller/podautoscaler.
 */
export function stabiliseWithoutBehavior(
  proposal: Proposal,
  recommendations: readonly Recommendation[],
): Stabilised {
  const { desired, now } = proposal;
  const recent = recommendations.filter(({ at }) => elapsed(at, now) <= DEFAULT_DOWN_WINDOW);
  const replicas = Math.max(desired, ...recent.map((recommendation) => recommendation.replicas));
  return {
    replicas,
    reason: replicas === desired ? 'ReadyForNewScale' : 'ScaleDownStabilized',
    recommendations: remember(recommendations, { replicas: desired, at: now }, DEFAULT_DOWN_WINDOW),
  };
}

/**
 * Stores a recommendation in place of the last one that is older than every window: the list stays as long as
 * the longest window needs, and an entry that a longer window of an edited rule may still want is not dropped early.
 */
export function remember(
  recommendations: readonly Recommendation[],
  entry: Recommendation,
  longestWindow: number,
): readonly Recommendation[] {
  const old = recommendations.findLastIndex(({ at }) => elapsed(at, entry.at) > longestWindow);
  return old < 0 ? [...recommendations, entry] : recommendations.with(old, entry);
}

function reasonFor(replicas: number, { current, desired }: Proposal): StabiliseReason {
  if (replicas === desired) return 'ReadyForNewScale';
  return desired >= current ? 'ScaleUpStabilized' : 'ScaleDownStabilized';
}

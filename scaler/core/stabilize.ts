import { elapsed } from './time.js';
import type { Recommendation } from './round.js';
import type { Behavior } from './types.js';

/** HPA's downscale stabilization window where `behavior` is omitted, seconds. */
export const DEFAULT_DOWN_WINDOW = 300;

export interface Proposal {
  readonly current: number;
  readonly desired: number;
  readonly now: number;
}

/** Stabilization windows in seconds. */
export function windowsOf(behavior: Behavior | null): { readonly up: number; readonly down: number } {
  return {
    up: behavior?.scaleUp.stabilizationWindowSeconds ?? 0,
    down: behavior?.scaleDown.stabilizationWindowSeconds ?? DEFAULT_DOWN_WINDOW,
  };
}

/**
 * Keeps replicas between the least and the most that was recommended in the two windows; a recommendation of
 * exactly a window's age is outside it.
 *
 * Source: stabilizeRecommendationWithBehaviors, kubernetes/pkg/controller/podautoscaler.
 */
export function stabilize(
  { current, desired, now }: Proposal,
  behavior: Behavior,
  recommendations: readonly Recommendation[],
): number {
  const { up, down } = windowsOf(behavior);
  let lower = desired;
  let upper = desired;
  for (const { replicas, at, assumed } of recommendations) {
    const age = elapsed(at, now);
    if (age < up && !assumed) lower = Math.min(lower, replicas);
    if (age < down) upper = Math.max(upper, replicas);
  }
  return Math.min(Math.max(current, lower), upper);
}

/**
 * The older algorithm of an HPA without `behavior`: the most recommended in 300 s, the boundary included, whatever
 * the current replicas.
 *
 * Source: stabilizeRecommendation, kubernetes/pkg/controller/podautoscaler.
 */
export function stabilizeWithoutBehavior(
  { desired, now }: Proposal,
  recommendations: readonly Recommendation[],
): number {
  const recent = recommendations.filter(({ at }) => elapsed(at, now) <= DEFAULT_DOWN_WINDOW);
  return Math.max(desired, ...recent.map(({ replicas }) => replicas));
}

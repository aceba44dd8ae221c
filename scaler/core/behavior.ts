import { recommend } from './history.js';
import { limitRate, limitRateWithoutBehavior, type LimitReason, type Range } from './rate-limit.js';
import { stabilize, stabilizeWithoutBehavior, type StabilizeReason } from './stabilize.js';
import type { History, RuleSettings } from './types.js';

export type Scaling = Pick<RuleSettings, 'minReplicas' | 'maxReplicas' | 'behavior'>;

export interface Normalized {
  readonly stabilized: number;
  readonly rateLimited: number;
  readonly replicas: number;
  readonly stabilizeReason: StabilizeReason;
  readonly limitReason: LimitReason;
  /** Includes the proposal, but not yet the change of replicas; see `recordScaling`. */
  readonly history: History;
}

/**
 * HPA v2's normalization of a proposal: stabilize, then limit the rate, then clamp. `behavior: null` runs the
 * older algorithm of an HPA without `behavior`.
 */
export function normalize(
  scaling: Scaling,
  current: number,
  desired: number,
  history: History,
  now: number,
): Normalized {
  const { behavior } = scaling;
  const proposal = { current, desired, now };
  const stabilized = behavior
    ? stabilize(proposal, behavior, history.recommendations)
    : stabilizeWithoutBehavior(proposal, history.recommendations);
  const limited = behavior
    ? limitRate(current, stabilized.replicas, scaling, behavior, history, now)
    : limitRateWithoutBehavior(current, stabilized.replicas, scaling);
  return {
    stabilized: stabilized.replicas,
    rateLimited: limited.rateLimited,
    replicas: limited.replicas,
    stabilizeReason: stabilized.reason,
    limitReason: limited.reason,
    history: recommend(history, behavior, { replicas: desired, at: now }),
  };
}

/** The nearer end of the range for replicas outside it, whatever is measured; undefined within it. */
export function outOfRange({ minReplicas, maxReplicas }: Range, current: number): number | undefined {
  if (current > maxReplicas) return maxReplicas;
  if (current < minReplicas) return minReplicas;
  return undefined;
}

import { recommend } from './history.js';
import { toInt32 } from './int.js';
import { stabilize, stabilizeWithoutBehavior } from './stabilize.js';
import { elapsed } from './time.js';
import type { History, ScaleEvent } from './round.js';
import type { Behavior, RuleSettings, ScalingPolicy, ScalingRules } from './types.js';

export type Scaling = Pick<RuleSettings, 'minReplicas' | 'maxReplicas' | 'behavior'>;

type Range = Pick<RuleSettings, 'minReplicas' | 'maxReplicas'>;

export interface Normalized extends Limited {
  readonly stabilized: number;
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
    ? limitRate(current, stabilized, scaling, behavior, history, now)
    : limitRateWithoutBehavior(current, stabilized, scaling);
  return {
    stabilized,
    ...limited,
    history: recommend(history, behavior, { replicas: desired, at: now }),
  };
}

/** The nearer end of the range for replicas outside it, whatever is measured; undefined within it. */
export function outOfRange({ minReplicas, maxReplicas }: Range, current: number): number | undefined {
  if (current > maxReplicas) return maxReplicas;
  if (current < minReplicas) return minReplicas;
  return undefined;
}

interface Limited {
  /** After the rate limit alone. */
  readonly rateLimited: number;
  /** After the rate limit and `minReplicas`/`maxReplicas`. */
  readonly replicas: number;
}

type Events = Pick<History, 'scaleUps' | 'scaleDowns'>;

/**
 * Limits how fast replicas change, and keeps them in range; a policy counts the scale events of its own period.
 *
 * Source: convertDesiredReplicasWithBehaviorRate, kubernetes/pkg/controller/podautoscaler.
 */
function limitRate(
  current: number,
  desired: number,
  range: Range,
  behavior: Behavior,
  events: Events,
  now: number,
): Limited {
  if (desired > current) {
    const proposals = proposalsOf(behavior.scaleUp, current, events, now, increase);
    const rateLimited = Math.min(desired, Math.max(current, select(behavior.scaleUp, proposals, current, 1)));
    return { rateLimited, replicas: Math.min(rateLimited, range.maxReplicas) };
  }
  if (desired < current) {
    const proposals = proposalsOf(behavior.scaleDown, current, events, now, decrease);
    const rateLimited = Math.max(
      desired,
      Math.min(current, select(behavior.scaleDown, proposals, current, -1)),
    );
    return { rateLimited, replicas: Math.max(rateLimited, range.minReplicas) };
  }
  return { rateLimited: desired, replicas: desired };
}

/**
 * The older algorithm of an HPA without `behavior`: at most double, or up to four; no limit downwards.
 *
 * Source: convertDesiredReplicasWithRules, kubernetes/pkg/controller/podautoscaler.
 */
function limitRateWithoutBehavior(current: number, desired: number, range: Range): Limited {
  if (desired < range.minReplicas) return { rateLimited: desired, replicas: range.minReplicas };
  const rateLimited = Math.min(desired, Math.max(2 * current, 4));
  return { rateLimited, replicas: Math.min(rateLimited, range.maxReplicas) };
}

function proposalsOf(
  rules: ScalingRules,
  current: number,
  events: Events,
  now: number,
  propose: (start: number, policy: ScalingPolicy) => number,
): number[] {
  return rules.policies.map((policy) => {
    const added = changeWithin(events.scaleUps, policy.periodSeconds, now);
    const removed = changeWithin(events.scaleDowns, policy.periodSeconds, now);
    return propose(current - added + removed, policy);
  });
}

function changeWithin(events: readonly ScaleEvent[], period: number, now: number): number {
  return events.reduce((sum, { change, at }) => (elapsed(at, now) < period ? sum + change : sum), 0);
}

// HPA computes in int32: a limit beyond it becomes the least int32, and so one that allows nothing.

function increase(start: number, { type, value }: ScalingPolicy): number {
  return type === 'Pods' ? (start + value) | 0 : toInt32(Math.ceil(start * (1 + value / 100)));
}

function decrease(start: number, { type, value }: ScalingPolicy): number {
  return type === 'Pods' ? (start - value) | 0 : toInt32(start * (1 - value / 100));
}

/** `Max` takes the policy of the largest change in the direction of `sign`, `Min` the one of the smallest. */
function select(rules: ScalingRules, proposals: readonly number[], current: number, sign: 1 | -1): number {
  if (rules.selectPolicy === 'Disabled') return current;
  const wantsLargest = (rules.selectPolicy === 'Max') === (sign === 1);
  return wantsLargest ? Math.max(...proposals) : Math.min(...proposals);
}

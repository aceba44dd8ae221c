import type { Yield } from './decision.js';
import type { ReplicasLeft } from './other-writers.js';
import type { Samples } from './round.js';
import { elapsed } from './time.js';
import type { Rule } from './types.js';

/** Whom the rule leaves the replicas to; undefined while they are its own. */
export function yieldOf(
  { restrictions }: Rule,
  { autoscalers = [] }: Samples,
  left: ReplicasLeft | undefined,
  now: number,
): Yield | undefined {
  if (autoscalers.length > 0) return { to: 'otherAutoscaler', by: autoscalers.join(' and ') };
  const { pause } = restrictions ?? {};
  if (pause && (pause.until === undefined || pause.until > now)) {
    return { to: 'paused', by: pause.reason, ...(pause.until !== undefined && { until: pause.until }) };
  }
  const change = left?.change;
  if (!change || change.answered || elapsed(change.at, now) >= change.hold) return undefined;
  return { to: 'otherWriter', by: change.manager, from: change.from, until: change.at + change.hold };
}

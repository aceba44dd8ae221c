import { windowsOf } from './stabilize.js';
import { elapsed } from './time.js';
import type { History, Recommendation, ScaleEvent, StepState } from './round.js';
import type { Behavior, ScalingRules } from './types.js';

/** Rules are evaluated at least this often, seconds; a longer silence is a pause. */
export const LONGEST_INTERVAL = 300;

/** A rule that has never run starts from the current replicas, so that a full window passes before it scales down. */
export function begin(history: History, current: number, now: number): History {
  if (history.recommendations.length > 0) return history;
  return { ...history, recommendations: [{ replicas: current, at: now }] };
}

/**
 * The history with this round's step states, and with a fresh start from the current replicas after rounds without
 * data and after a pause in which nothing was recommended: replicas go down only after a full window of complete data.
 */
export function resume(
  history: History,
  steps: Readonly<Record<string, StepState>>,
  behavior: Behavior | null,
  hasGap: boolean,
  current: number,
  now: number,
): History {
  const begun = begin(withSteps(history, steps), current, now);
  if (hasGap) return { ...begun, dataGap: true };
  const newest = begun.recommendations.reduce((latest, { at }) => Math.max(latest, at), -Infinity);
  const pause = Math.max(windowsOf(behavior).down, LONGEST_INTERVAL);
  if (!history.dataGap && elapsed(newest, now) <= pause) return begun;
  return { ...recommend(begun, behavior, { replicas: current, at: now, assumed: true }), dataGap: false };
}

/**
 * Stores a recommendation in place of the last one that is older than every window: the list stays as long as
 * the longest window needs, and an entry that a longer window of an edited rule may still need is not dropped early.
 */
export function recommend(history: History, behavior: Behavior | null, entry: Recommendation): History {
  const { up, down } = windowsOf(behavior);
  const longest = Math.max(up, down);
  const { recommendations } = history;
  const old = recommendations.findLastIndex(({ at }) => elapsed(at, entry.at) > longest);
  return withRecommendations(
    history,
    old < 0 ? [...recommendations, entry] : recommendations.with(old, entry),
  );
}

/** Stores a change of replicas; an HPA without `behavior` keeps no scale events. */
export function recordScaling(
  history: History,
  behavior: Behavior | null,
  from: number,
  to: number,
  now: number,
): History {
  if (behavior === null || from === to) return history;
  return to > from
    ? { ...history, scaleUps: storeScaleEvent(history.scaleUps, to - from, behavior.scaleUp, now) }
    : { ...history, scaleDowns: storeScaleEvent(history.scaleDowns, from - to, behavior.scaleDown, now) };
}

/**
 * Like HPA it overwrites one outdated event rather than all: a policy whose period was lengthened by an edit may
 * still count the others.
 *
 * Source: storeScaleEvent, kubernetes/pkg/controller/podautoscaler.
 */
function storeScaleEvent(
  events: readonly ScaleEvent[],
  change: number,
  rules: ScalingRules,
  now: number,
): readonly ScaleEvent[] {
  const longest = Math.max(0, ...rules.policies.map((policy) => policy.periodSeconds));
  const marked = events.map((event) => ({
    ...event,
    outdated: event.outdated || elapsed(event.at, now) > longest,
  }));
  const entry = { change, at: now, outdated: false };
  const old = marked.findLastIndex((event) => event.outdated);
  return old < 0 ? [...marked, entry] : marked.with(old, entry);
}

// Copied field by field: a spread takes V8 as long as a decision, and a replay of the past makes millions of them.

function withRecommendations(
  { scaleUps, scaleDowns, steps, dataGap }: History,
  recommendations: History['recommendations'],
): History {
  return { recommendations, scaleUps, scaleDowns, steps, dataGap };
}

function withSteps(
  { recommendations, scaleUps, scaleDowns, dataGap }: History,
  steps: History['steps'],
): History {
  return { recommendations, scaleUps, scaleDowns, steps, dataGap };
}

import type { DemandTrace } from './demand-trace.js';
import type { Profile } from '../harm/profile.js';
import { backgroundOf, costOf, type Norm } from '../harm/usual.js';

/** Share of wall time in which a saturated pod is short of CPU; healthy ones stay under 0.6. */
export const SATURATED = 0.8;
/** The same for clients that wait to be slowed by it. */
const SHORT = 0.7;
/** Overload alone makes a request at most this much dearer; beyond it requests have changed. */
const DEARER = 1.6;
/** Requests that hold a thread are half done, on the average. */
const HALF_DONE = 0.5;
/** Answers that the usual cost weighs as much as. */
const WEIGHT_OF_USUAL = 100;
/** Share of the arrivals that may be given up before a cost includes work for clients that are gone. */
const FEW_LOST = 0.02;
const BALANCED_WITHIN = 0.05;
/** Seconds in which the requests that wait are cleared once pods are up, and the most that this may add to the load. */
const CLEARED_IN = 15;
const MOST_FOR_BACKLOG = 0.15;
/** Of the requests that wait, those of clients that think, for such clients to be what is slowed. */
const MOSTLY_CLIENTS = 0.6;
const MOST_PER_CLIENT = 8;
/** Cores that are a rounding error. */
const NOTHING = 1e-6;
/** Latency of a fast server over its CPU time. */
const FAST = 1.5;

/** What one workload's demand is estimated from. */
export interface DemandInput {
  readonly profile: Profile;
  readonly norm: Norm | undefined;
  /** CPU seconds per request before the norm is known, if there were quiet rounds; see `firstCostOf`. */
  readonly firstCost: number | undefined;
  /** CPU seconds per request when they were last found to have become dearer, until pods tell again. */
  readonly dearer: number | undefined;
  /** Requests per second to size for. */
  readonly load: number;
  /** Requests that wait for it to catch up, here and at its callers. */
  readonly waiting: number;
  /** True if the load came down from its callers. */
  readonly isPassedDown: boolean;
  /** True if the workload waits for a peer that is slower than usual. */
  readonly isHeldUp: boolean;
  /** Cores that one pod should use; undefined if unknown. */
  readonly targetPerPod: number | undefined;
  /** Cores that one pod may use at most. */
  readonly limit: number | undefined;
  /** Clients that wait for their answers, if their number is steady. */
  readonly clients: { readonly number: number; readonly thought: Profile['thought'] } | undefined;
  /** False while pods are young or not measured. */
  readonly isComplete: boolean;
}

/** True if requests are answered as they come, within chance. */
export function isBalanced({ arrived, answered, window }: Profile): boolean {
  const chance = (2 * Math.sqrt(arrived * window)) / window;
  return Math.abs(arrived - answered) <= Math.max(BALANCED_WITHIN * arrived, chance);
}

/** Number of clients that wait for an answer or think before the next request. */
export function clientsOf({ outstanding, thought, arrived }: Profile): number {
  const waiting = arrived > 0 ? outstanding * Math.min(1, thought.requests / arrived) : 0;
  return waiting + thought.seconds;
}

/**
 * The cores that a workload would use if it were short of none: requests per second × CPU seconds per request, with
 * what each pod uses beside its requests. Undefined where too few requests are answered to tell.
 *
 * Source: the utilisation law and the interactive response time law (Denning and Buzen, The Operational Analysis of
 * Queueing Network Models, 1978).
 */
export function demandOf(input: DemandInput): DemandTrace | undefined {
  const { profile, norm, load, isPassedDown, isComplete } = input;
  const background = backgroundOf(norm, profile, isComplete);
  const cost = sizedCost(input, background);
  if (cost === undefined) return undefined;
  const { arrived, answered, abandoned } = profile;
  const factor = clientFactor(input, cost.sized);
  const expected = load + Math.min(profile.thought.requests, load) * (factor - 1);
  const backlog = backlogOf(input, expected);
  const requests = expected + backlog;
  const beside = besideOf(requests * cost.sized, background, input);
  const sized = requests > 0 ? Math.max(cost.sized, (leastOf(input) - beside) / requests) : cost.sized;
  const doubt = doubtOf(input);
  return {
    method: factor > 1 ? 'clients' : isPassedDown ? 'flow' : 'law',
    cores: requests * sized + beside,
    confidence: doubt === undefined ? 'high' : 'low',
    doubt,
    arrived,
    answered,
    abandoned,
    load: expected,
    ...(factor > 1 && { clients: input.clients?.number }),
    cost: { ...cost, sized },
    ...(backlog > 0 && { backlog: backlog * sized }),
    ...(beside > NOTHING && { beside }),
  };
}

/**
 * CPU seconds per request: the usual one, moved by what is measured now while nothing distorts it. A saturated
 * workload's is inflated by its overload, unless it exceeds that; starting pods use CPU for themselves.
 */
function sizedCost(
  { profile, norm, firstCost, dearer = 0, isComplete }: DemandInput,
  background: number,
): DemandTrace['cost'] {
  const now = costOf(profile, background);
  const usual = norm?.cost ?? firstCost;
  if (usual === undefined) return now === undefined || !profile.enough ? undefined : { now, sized: now };
  if (now === undefined || !profile.enough) return { now: now ?? usual, usual, sized: usual };
  const answers = profile.answered * profile.window;
  const mixed = (answers * now + WEIGHT_OF_USUAL * usual) / (answers + WEIGHT_OF_USUAL);
  const { starved, lost, arrived } = profile;
  if (isComplete && starved < SATURATED && isBalanced(profile) && lost <= FEW_LOST * arrived) {
    return { now, usual, sized: mixed, isDearer: false };
  }
  if (!isComplete || starved < SATURATED)
    return { now, usual, sized: Math.max(dearer, Math.min(mixed, usual)) };
  const isDearer = leastCost(profile, background) > DEARER * usual;
  return {
    now,
    usual,
    sized: isDearer ? leastCost(profile, background, HALF_DONE) : Math.min(mixed, usual),
    isDearer,
  };
}

/** CPU seconds per request if those given up, and a part of those that hold a thread, have used as much as those answered. */
function leastCost(
  { answered, lost, used, pods, busy, window }: Profile,
  background: number,
  done = 1,
): number {
  return Math.max(0, used - background * pods) / (answered + lost + (done * busy) / window);
}

/**
 * How many times as many requests waiting clients would send to a fast server. Such clients never send more than is
 * answered, so a saturated server's arrivals do not show their demand.
 */
function clientFactor({ profile, norm, limit, clients, isHeldUp }: DemandInput, cost: number): number {
  const { starved, thought, arrived } = profile;
  const share = arrived > 0 ? thought.requests / arrived : 0;
  if (!clients || starved < SHORT || share < MOSTLY_CLIENTS || isHeldUp || !isBalanced(profile)) return 1;
  const fast = norm?.medianLatency ?? (FAST * cost) / Math.min(1, limit ?? 1);
  const factor = clients.number / (clients.thought.seconds + clients.thought.requests * fast);
  return Math.min(MOST_PER_CLIENT, Math.max(1, factor));
}

/** Requests per second to add so that those that wait are answered in time, beyond the room that the target leaves. */
function backlogOf({ profile, waiting, targetPerPod, limit, isHeldUp }: DemandInput, load: number): number {
  if (isHeldUp || profile.starved < SATURATED) return 0;
  const room = limit !== undefined && targetPerPod ? Math.max(0, limit / targetPerPod - 1) : 0;
  return Math.min(MOST_FOR_BACKLOG * load, Math.max(0, waiting / CLEARED_IN - room * load));
}

/** Background is per pod: more pods for the requests bring more of it. */
function besideOf(serving: number, background: number, { profile, targetPerPod }: DemandInput): number {
  if (targetPerPod === undefined || targetPerPod <= background) return background * profile.pods;
  return background * Math.ceil(serving / (targetPerPod - background));
}

/**
 * What is used is needed, unless it is used for clients that have gone, or for what callers send after an outage, which
 * their usual calls leave out.
 */
function leastOf({ profile, isHeldUp, isPassedDown, isComplete }: DemandInput): number {
  if (isHeldUp || isPassedDown || !isComplete) return 0;
  const { starved, answered, arrived, lost, used } = profile;
  const isUseful = answered <= 1.05 * arrived && lost <= FEW_LOST * arrived;
  return starved >= SATURATED && isUseful ? used : 0;
}

function doubtOf({ profile, norm, isComplete }: DemandInput): string | undefined {
  if (!profile.enough && norm === undefined) return 'too few requests are answered';
  if (!isComplete && norm === undefined) return 'some pods are not measured for a full window yet';
  return undefined;
}

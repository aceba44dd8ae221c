import { SATURATED, clientsOf } from './demand.js';
import type { DemandTrace } from './demand-trace.js';
import type { Profile } from '../harm/profile.js';

/** Seconds for which a pod that gets less than its request counts as what it gets. */
const CAPACITY_KEPT = 600;
/** Part of the request under which a pod gets less than it. */
const LESS = 0.9;
/** Busy threads of a pod, the mean over a window, under which not even its first one was short. */
const ONE_THREAD = 0.7;
/** Part of the threads that a pod has carried without harm, for it to be out of threads. */
const NEARLY_ALL = 0.9;
/** Time for which a request may hold a thread over the usual, for threads to be what is short. */
const HELD_AS_USUAL = 1.3;
/** Seconds between the rounds that tell whether the number of clients is steady, and how much it may change. */
const CLIENTS_APART = 10;
const CLIENTS_KEPT = 30;
const STEADY_WITHIN = 0.2;
/** Growth of what is answered, or of the CPU used, that shows that a step has helped. */
const HELPED = 1.1;

/** What sizing remembers of a workload. Plain JSON. */
export interface SizingMemory {
  /** Cores that a pod gets at most, measured while its workload was short of CPU. */
  readonly capacity?: { readonly cores: number; readonly at: number };
  /** Busy threads of a pod at which it had none left. */
  readonly saturatedThreads?: number;
  /** CPU seconds per request that pods have shown to be dearer than usual, until they show something else. */
  readonly dearer?: { readonly cost: number; readonly at: number };
  /** The last step that was a guess, and what pods did before it. */
  readonly step?: Step;
  /** Numbers of waiting clients, the newest last. */
  readonly clients: readonly { readonly at: number; readonly number: number }[];
}

/** What shows whether a step has helped. */
type Throughput = Pick<Profile, 'answered' | 'used'>;

interface Step {
  readonly at: number;
  readonly answered: number;
  readonly used: number;
  /** Requests per second that a pod answered, where a lock was why it answered no more. */
  readonly perPod?: number;
}

export const NO_MEMORY: SizingMemory = { clients: [] };

/** A round as memory takes it. */
export interface Remembered {
  readonly profile: Profile;
  /** The shorter window. */
  readonly newest: Profile;
  readonly isHarmed: boolean;
  /** Name of the cause if it is the workload's own. */
  readonly ownCause: string | undefined;
  readonly isComplete: boolean;
  /** CPU request of a pod, cores. */
  readonly request: number | undefined;
  /** Threads of a pod that have been busy without harm, and the usual time for which a request holds one. */
  readonly usual: { readonly threads: number; readonly held: number } | undefined;
}

/** The memory after one more round. */
export function remember(memory: SizingMemory, round: Remembered, now: number): SizingMemory {
  const { profile, newest, isHarmed, ownCause, isComplete, request, usual } = round;
  const { pods, used, starved, outstanding, busy, held } = profile;
  const each = pods > 0 ? used / pods : 0;
  const getsLess =
    isHarmed && ownCause === 'cpu' && starved >= SATURATED && isComplete && each < LESS * (request ?? 0);
  const lacksThreads =
    isHarmed &&
    isComplete &&
    (ownCause === 'queue' || ownCause === 'other') &&
    usual !== undefined &&
    outstanding - busy > pods &&
    busy >= pods * ONE_THREAD &&
    held < HELD_AS_USUAL * usual.held &&
    busy / pods >= NEARLY_ALL * usual.threads;
  const { capacity, saturatedThreads, step, dearer } = memory;
  const known = capacity && now - capacity.at < CAPACITY_KEPT ? capacity : undefined;
  // What a pod once got it can get again: with more pods, each of them uses less.
  const keptCapacity = getsLess ? { cores: Math.max(each, known?.cores ?? 0), at: now } : known;
  const threads = lacksThreads ? busy / pods : saturatedThreads;
  return {
    clients: [
      ...memory.clients.filter(({ at }) => now - at <= CLIENTS_KEPT),
      { at: now, number: clientsOf(newest) },
    ],
    ...(keptCapacity && { capacity: keptCapacity }),
    ...(threads !== undefined && { saturatedThreads: threads }),
    ...(dearer && now - dearer.at < CAPACITY_KEPT && { dearer }),
    ...(step && { step }),
  };
}

/** The memory after the cost of a request was looked at: what pods do not tell stays as it was. */
export function rememberCost(memory: SizingMemory, cost: DemandTrace['cost'], now: number): SizingMemory {
  const { dearer, ...others } = memory;
  const told = cost?.isDearer ? { cost: cost.sized, at: now } : undefined;
  const known = cost?.isDearer === undefined ? dearer : told;
  return { ...others, ...(known && { dearer: known }) };
}

/** Clients that wait for their answers, if there are as many as a while ago; undefined otherwise. */
export function steadyClients(
  { clients }: SizingMemory,
  newest: Profile,
  now: number,
): { readonly number: number; readonly thought: Profile['thought'] } | undefined {
  const number = clientsOf(newest);
  const earlier = clients.filter(({ at }) => now - at >= CLIENTS_APART);
  const isSteady = earlier.every((before) => Math.abs(before.number - number) <= STEADY_WITHIN * number);
  return earlier.length >= 2 && isSteady ? { number, thought: newest.thought } : undefined;
}

/**
 * True if a step of a guessed size may be taken: the first, or one after a step that has helped, once its effect is
 * measured on every pod.
 */
export function mayStep(
  memory: SizingMemory,
  profile: Throughput,
  isComplete: boolean,
  now: number,
): boolean {
  if (!isComplete) return false;
  const step = keptStep(memory, now);
  return !step || hasHelped(step, profile);
}

/** The last step, unless it is so old that what it taught may no longer hold. */
export function keptStep({ step }: SizingMemory, now: number): Step | undefined {
  return step && now - step.at <= CAPACITY_KEPT ? step : undefined;
}

/** True if more is answered, or more CPU is used, than before the last step. */
export function hasHelped(step: Step, { answered, used }: Throughput): boolean {
  return (answered > 0 && answered >= HELPED * step.answered) || used >= HELPED * step.used;
}

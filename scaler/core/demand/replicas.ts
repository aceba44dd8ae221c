import type { DemandTrace } from './demand-trace.js';
import { ownCauseOf } from '../harm/blame.js';
import { firstCostOf } from '../harm/usual.js';
import type { Judgement } from '../judge.js';
import { percent } from '../format.js';
import type { Measures } from '../measures.js';
import { isAbsent } from '../reading.js';
import { toleranceOf, type Tolerance } from '../replica-calculator.js';
import type { Sizing } from '../sizing.js';
import { windowsOf } from '../stabilize.js';
import type { Samples } from '../round.js';
import type { Absent, Rule } from '../types.js';
import { demandOf, SATURATED, type DemandInput } from './demand.js';
import { mayStep, NO_MEMORY, remember, rememberCost, steadyClients, type SizingMemory } from './memory.js';

/** Most that one step of a guessed size multiplies the replicas by. */
const STEP = 1.5;
/** Part of the threads at which pods had none left, that they should use. */
const ROOM_FOR_THREADS = 0.7;
/** Threads of a pod that shrinking may bring into use, over those that have been without harm. */
const UNTRIED_THREADS = 1.5;
/** Part of the target by which pods may exceed it: half of the tolerance, so that chance does not order a pod more. */
const SLACK = 0.05;
/** Sums of decimal fractions must not tip a ceiling. */
const ROUNDING = 1e-9;

/** How many replicas the CPU demand of a workload calls for, and what that is made of. */
export interface DemandSizing {
  readonly sizing: Sizing;
  readonly demand: DemandTrace;
  readonly memory: SizingMemory;
  /** Reasons why replicas must not go down, clauses. */
  readonly noScaleDown: readonly string[];
}

/**
 * Sizes a workload by the requests that it should expect; by the CPU that it uses where there are too few of them.
 *
 * Growing looks at the shorter window, shrinking at the longer one. The number of pods that there are now plays no part,
 * so pods that are starting count as what they will carry.
 *
 * @param byUsage size by the CPU used
 */
export function sizeByDemand(
  rule: Rule,
  samples: Samples,
  judgement: Judgement,
  past: SizingMemory = NO_MEMORY,
  byUsage: Sizing | Absent,
  now: number,
): DemandSizing | Absent {
  const { settled, targetPerPod, limit } = judgement;
  if (targetPerPod === undefined) return isAbsent(byUsage) ? byUsage : fromUsage(byUsage, past);
  const memory = remembered(samples, judgement, past, now);
  const part = partOfRequest(samples, memory);
  const perPod = targetPerPod * part;
  const input = {
    norm: judgement.norm,
    firstCost: firstCostOf(judgement.usual),
    dearer: memory.dearer?.cost,
    isPassedDown: judgement.isPassedDown,
    isHeldUp: isHeldUp(judgement),
    targetPerPod: perPod,
    limit: limit === undefined ? undefined : limit * part,
    clients: steadyClients(past, judgement.newest, now),
    isComplete: judgement.isComplete,
  };
  const up = demandIn('recent', judgement, input) ?? usage(settled.used);
  const down = demandIn('settled', judgement, input)?.cores ?? settled.used;
  const threads = threadsNeeded(judgement, memory);
  const need = { demand: up, lowest: Math.max(up.cores, down), threads, perPod, current: samples.replicas };
  const tolerance = toleranceOf(rule.behavior);
  const sized = grown(need, tolerance) ?? stepped(need, judgement, memory, now) ?? shrunk(need, tolerance);
  const demand = {
    ...up,
    ...(sized.step && { method: 'step' as const }),
    ...(part < 1 && { perPod: memory.capacity!.cores }),
    ...(threads && threads.replicas > Math.ceil(need.lowest / perPod - ROUNDING) && { threads }),
  };
  const ratio = up.cores / (need.current * perPod);
  const trace = { signal: 'cpu', demand: up.cores, targetPerPod: perPod, ratio, replicas: sized.replicas };
  return {
    sizing: { raw: sized.raw, trace },
    demand,
    memory: rememberCost(sized.step ? { ...memory, step: sized.step } : memory, up.cost, now),
    noScaleDown: doubts(rule, judgement, demand, now),
  };
}

function remembered(
  samples: Samples,
  { settled, newest, norm, isComplete, watch, blame }: Judgement,
  past: SizingMemory,
  now: number,
): SizingMemory {
  const round = {
    profile: settled,
    newest,
    isHarmed: watch.harmedSince !== undefined,
    ownCause: blame && ownCauseOf(blame),
    isComplete,
    request: requestOf(samples),
    usual: norm && { threads: norm.threads, held: norm.held },
  };
  return remember(past, round, now);
}

function requestOf({ signals }: Samples): number | undefined {
  const { request } = signals;
  return request && !isAbsent(request) ? request.value : undefined;
}

/** What a pod gets, as a part of its CPU request: 1 unless it is measured to get less. */
function partOfRequest(samples: Samples, { capacity }: SizingMemory): number {
  const request = requestOf(samples);
  return capacity && request ? Math.min(1, capacity.cores / request) : 1;
}

/** True if the workload waits for a peer that is slower than usual. */
function isHeldUp({ blame, isIntended }: Judgement): boolean {
  return blame !== undefined && blame.path.length > 1 && !isIntended;
}

/** What a workload needs in a round. */
interface Need {
  readonly demand: DemandTrace;
  /** Cores by the window that asks for more. */
  readonly lowest: number;
  readonly threads: DemandTrace['threads'];
  /** Cores that a pod should use. */
  readonly perPod: number;
  readonly current: number;
}

interface Sized {
  readonly raw: number;
  /** After the tolerance. */
  readonly replicas: number;
  /** Set for a step of a guessed size. */
  readonly step?: NonNullable<SizingMemory['step']>;
}

function podsFor(cores: number, { demand, threads, perPod }: Need): number {
  const slack = demand.method === 'usage' ? 0 : SLACK;
  return Math.max(threads?.replicas ?? 0, Math.ceil(cores / (perPod * (1 + slack)) - ROUNDING));
}

/** Growth by demand, or by threads; undefined if neither calls for it. */
function grown(need: Need, { up }: Tolerance): Sized | undefined {
  const { demand, current, perPod, threads } = need;
  const raw = podsFor(demand.cores, need);
  const isOver = demand.cores / (current * perPod) > 1 + up || (threads?.replicas ?? 0) > current;
  if (raw <= current || !isOver) return undefined;
  return { raw, replicas: demand.confidence === 'low' ? Math.min(raw, 2 * current) : raw };
}

/** One bounded step while pods are saturated though the demand that is known does not say so. */
function stepped(
  { current }: Need,
  judgement: Judgement,
  memory: SizingMemory,
  now: number,
): Sized | undefined {
  const { settled, isSaturated, isPassedDown, isComplete, blame } = judgement;
  const isForCpu = !isHeldUp(judgement) && ((blame && ownCauseOf(blame)) ?? 'cpu') === 'cpu';
  if (!isSaturated || isPassedDown || !isForCpu || !mayStep(memory, settled, isComplete, now))
    return undefined;
  const replicas = Math.ceil(current * STEP);
  return { raw: replicas, replicas, step: { at: now, answered: settled.answered, used: settled.used } };
}

function shrunk(need: Need, { down }: Tolerance): Sized {
  const { lowest, current, perPod } = need;
  const raw = podsFor(lowest, need);
  const isLess = lowest / (current * perPod) < 1 - down;
  return { raw, replicas: isLess ? Math.min(current, raw) : current };
}

function demandIn(
  window: 'settled' | 'recent',
  judgement: Judgement,
  input: Omit<DemandInput, 'profile' | 'load' | 'waiting'>,
): DemandTrace | undefined {
  const { [window]: profile, load, waiting } = judgement;
  return demandOf({ ...input, profile, load: load[window], waiting: waiting[window] });
}

/** A workload's size by the CPU that it uses. */
export function fromUsage(sizing: Sizing, memory: SizingMemory): DemandSizing {
  return { sizing, demand: usage(sizing.trace.demand), memory, noScaleDown: [] };
}

/**
 * Sizes a workload none of whose requests are seen by the CPU that it uses, and by single steps while its pods are saturated:
 * what they would use is not known then.
 */
export function sizeUnjudged(
  current: number,
  { states: { oncpu: used = 0 }, starved = 0 }: Measures,
  byUsage: Sizing,
  memory: SizingMemory = NO_MEMORY,
  isComplete: boolean,
  now: number,
): DemandSizing {
  const sized = fromUsage(byUsage, memory);
  if (starved < SATURATED) return sized;
  const noScaleDown = [`its pods wait for a CPU ${percent(starved)} of the time`];
  const grows = byUsage.trace.replicas > current;
  if (grows || !mayStep(memory, { answered: 0, used }, isComplete, now)) return { ...sized, noScaleDown };
  const replicas = Math.ceil(current * STEP);
  return {
    sizing: { raw: replicas, trace: { ...byUsage.trace, replicas } },
    demand: { ...sized.demand, method: 'step' },
    memory: { ...memory, step: { at: now, answered: 0, used } },
    noScaleDown,
  };
}

function usage(cores: number): DemandTrace {
  return { method: 'usage', cores, confidence: 'high' };
}

/** Pods for the threads that requests hold, by what pods have carried; undefined where threads are not short. */
function threadsNeeded(
  { load, norm, settled }: Judgement,
  { saturatedThreads }: SizingMemory,
): DemandTrace['threads'] {
  if (!norm || norm.threads === 0) return undefined;
  const busy = load.recent * norm.held;
  // Every pod has a thread.
  const tried = Math.max(ROOM_FOR_THREADS, UNTRIED_THREADS * norm.threads);
  const perPod =
    saturatedThreads === undefined ? tried : Math.min(ROOM_FOR_THREADS * saturatedThreads, tried);
  const replicas = Math.ceil(busy / perPod - ROUNDING);
  // Threads that were never short limit how far it shrinks, not whether it grows.
  const most = saturatedThreads === undefined ? Math.min(replicas, settled.pods) : replicas;
  return { busy, perPod, replicas: most };
}

/** Reasons not to scale down by what is known of the requests. */
function doubts(
  rule: Rule,
  { norm, settled, watch, signs }: Judgement,
  { confidence, doubt }: DemandTrace,
  now: number,
): string[] {
  const reasons: string[] = [];
  if (watch.harmedSince !== undefined || signs.length > 0) reasons.push('it is harmed');
  if (norm) return confidence === 'low' ? [...reasons, doubt!] : reasons;
  if (settled.enough) return [...reasons, 'what is usual for its requests is not known yet'];
  const { down } = windowsOf(rule.behavior);
  const isCalm = watch.calmSince !== undefined && now - watch.calmSince >= down;
  return isCalm ? reasons : [...reasons, `it serves few requests and has not been calm for ${down} s yet`];
}

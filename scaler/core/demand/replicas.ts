import type { DemandTrace } from '../decision.js';
import type { Judgement } from '../judge.js';
import { isAbsent } from '../reading.js';
import { toleranceOf } from '../replica-calculator.js';
import type { Sizing } from '../sizing.js';
import { windowsOf } from '../stabilize.js';
import type { Absent, Rule, Samples } from '../types.js';
import { demandOf, type DemandInput } from './demand.js';
import { mayStep, NO_MEMORY, remember, steadyClients, type SizingMemory } from './memory.js';

/** Most that one step of a guessed size multiplies the replicas by. */
const STEP = 1.5;
/** Part of the threads at which pods had none left, that they should use. */
const ROOM_FOR_THREADS = 0.7;
/** Threads of a pod that shrinking may bring into use, over those that have been without harm. */
const UNTRIED_THREADS = 1.5;
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
  const { settled, norm, targetPerPod, limit, blame, isComplete, watch } = judgement;
  if (targetPerPod === undefined) return isAbsent(byUsage) ? byUsage : fromUsage(byUsage, past);
  const current = samples.replicas;
  const isHarmed = watch.harmedSince !== undefined;
  const ownCause = blame?.end === 'self' && blame.path.length === 1 ? blame.cause.name : undefined;
  const requestOf = samples.signals['request'];
  const request = requestOf && !isAbsent(requestOf) ? requestOf.value : undefined;
  const usual = norm && { threads: norm.threads, held: norm.held };
  const memory = remember(
    past,
    { profile: settled, newest: judgement.newest, isHarmed, ownCause, isComplete, request, usual },
    now,
  );
  const part = memory.capacity && request ? Math.min(1, memory.capacity.cores / request) : 1;
  const perPod = targetPerPod * part;
  const input = {
    norm,
    isPassedDown: judgement.isPassedDown,
    isHeldUp: (blame?.path.length ?? 0) > 1 && !judgement.isIntended,
    targetPerPod: perPod,
    limit: limit === undefined ? undefined : limit * part,
    clients: steadyClients(past, judgement.newest, now),
    isComplete,
  };
  const up = demandIn('recent', judgement, input);
  const down = demandIn('settled', judgement, input);
  const measured = up ?? down;
  const usageDemand = settled.used;
  const demand = measured ?? usage(usageDemand);
  const lowest = Math.max(down?.cores ?? usageDemand, 0);
  const threads = threadsNeeded(judgement, memory);
  const podsFor = (cores: number): number => Math.max(threads?.replicas ?? 0, Math.ceil(cores / perPod - ROUNDING));
  const tolerance = toleranceOf(rule.behavior);
  const grown = podsFor(demand.cores);
  const shrunk = Math.max(grown, podsFor(lowest));
  const growth = demand.cores / (current * perPod);
  const tolerates = growth <= 1 + tolerance.up && growth >= 1 - tolerance.down;
  const needsThreads = (threads?.replicas ?? 0) > current;
  const sized = ((): { replicas: number; raw: number; trace: DemandTrace; memory: SizingMemory } => {
    const raw = growth > 1 || needsThreads ? grown : Math.min(current, shrunk);
    if (grown > current && (!tolerates || needsThreads)) {
      const most = demand.confidence === 'low' ? 2 * current : Infinity;
      return { raw, replicas: Math.min(grown, most), trace: demand, memory };
    }
    const isShort = judgement.isSaturated && !input.isPassedDown && (ownCause ?? 'cpu') === 'cpu' && !input.isHeldUp;
    if (isShort && mayStep(memory, settled, isComplete, now) && current > 0) {
      const replicas = Math.ceil(current * STEP);
      const step = { at: now, answered: settled.answered, used: settled.used };
      return { raw: replicas, replicas, trace: { ...demand, method: 'step' }, memory: { ...memory, step } };
    }
    const isLess = Math.max(demand.cores, lowest) / (current * perPod) < 1 - tolerance.down;
    return { raw, replicas: isLess ? Math.min(current, shrunk) : current, trace: demand, memory };
  })();
  const trace = { ...sized.trace, ...(part < 1 && { perPod: memory.capacity!.cores }), ...(threads && { threads }) };
  return {
    sizing: {
      raw: sized.raw,
      trace: {
        signal: 'cpu',
        demand: demand.cores,
        targetPerPod: perPod,
        ratio: growth,
        replicas: sized.replicas,
      },
    },
    demand: trace,
    memory: sized.memory,
    noScaleDown: doubts(rule, judgement, trace, now),
  };
}

function demandIn(
  window: 'settled' | 'recent',
  judgement: Judgement,
  input: Omit<DemandInput, 'profile' | 'load'>,
): DemandTrace | undefined {
  return demandOf({ ...input, profile: judgement[window], load: judgement.load[window] });
}

function fromUsage(sizing: Sizing, memory: SizingMemory): DemandSizing {
  return { sizing, demand: usage(sizing.trace.demand), memory, noScaleDown: [] };
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
  const perPod = saturatedThreads === undefined ? tried : Math.min(ROOM_FOR_THREADS * saturatedThreads, tried);
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

import type { Sign } from './decision.js';
import {
  callersOf,
  flow,
  outsideShare,
  STRANGERS,
  waitingFor,
  type Callers,
  type Station,
} from './demand/flow.js';
import { isBalanced, SATURATED } from './demand/demand.js';
import { blame, ownCauseOf, type Blame, type Suspect } from './harm/blame.js';
import { profileOf, type Profile } from './harm/profile.js';
import { protect } from './harm/protect.js';
import { signsOf } from './harm/signs.js';
import { normOf, NOTHING_USUAL, type Norm, type Usual } from './harm/usual.js';
import { NEW_WATCH, observe, type Watch } from './harm/watch.js';
import { idlePods, isUnseen, replicasAtWork } from './idle-pods.js';
import { isReadyFor, SETTLING, stayingPods } from './new-pods.js';
import { weighObjective } from './objective.js';
import { wasReady } from './group-pods.js';
import { isAbsent, readSignal } from './reading.js';
import { usableRequest } from './sizing.js';
import { byCpuDemand } from './targets.js';
import type { Measures } from './measures.js';
import type { History, RoundInput, Samples, WorkloadInput } from './round.js';
import type { Absent, Rule, WorkloadKey } from './types.js';

/** A peer is followed this far unless a rule says less. */
const MAX_HOPS = 8;
/** Part of the CPU limit from which on a pod is short of CPU. */
const NEAR_LIMIT = 0.85;
/** Demand over what pods are sized for from which on they are short of CPU. */
const OVER_TARGET = 1.1;
/** Requests per pod over what is usual from which on slower answers are as intended. */
const BUSIER = 1.15;
/** Share of the arrivals that clients of an entry give up on before the rest may be retries. */
const GIVEN_UP = 0.02;
/** Most that the arrivals at such an entry count for, over those before. */
const MOST_RETRIED = 1.1;
/** Seconds for which something must differ, and nothing else be wrong, to become usual. */
const BECOMES_USUAL = 1800;
/** Seconds after which callers that are not known count. */
const STRANGERS_AFTER = 90;

/** What one round finds of a workload whose requests are measured. */
export interface Judgement {
  /** The longer window: harm, learning, shrinking; and the shorter one, where it tells more. */
  readonly settled: Profile;
  readonly recent: Profile;
  /** The shorter window wherever it covers every pod. */
  readonly newest: Profile;
  readonly usual: Usual;
  readonly norm: Norm | undefined;
  readonly signs: readonly Sign[];
  readonly blame: Blame | undefined;
  /** Slower because it is used more. */
  readonly isIntended: boolean;
  readonly watch: Watch;
  readonly isSaturated: boolean;
  /** False while pods are young or not measured. */
  readonly isComplete: boolean;
  /** Requests per second to size for, by window. */
  readonly load: { readonly settled: number; readonly recent: number };
  /** Requests that wait for it to catch up, by window. */
  readonly waiting: { readonly settled: number; readonly recent: number };
  readonly isPassedDown: boolean;
  /** Share of the arrivals that no known caller sent. */
  readonly outside: number;
  /** Reasons of others why its replicas must not go down. */
  readonly protectedBy: readonly string[];
  readonly targetPerPod: number | undefined;
  readonly limit: number | undefined;
}

interface Subject extends Suspect {
  readonly key: WorkloadKey;
  readonly rule: Rule | undefined;
  readonly settled: Profile;
  readonly recent: Profile;
  readonly newest: Profile;
  readonly usual: Usual;
  readonly watch: Watch;
  readonly isComplete: boolean;
  readonly targetPerPod: number | undefined;
  readonly limit: number | undefined;
}

/**
 * Judges every workload whose requests are measured: whether it is harmed, by what, how many requests it should expect,
 * and whether the harm of others protects it.
 */
export function judge(workloads: RoundInput['workloads'], now: number): ReadonlyMap<WorkloadKey, Judgement> {
  const subjects = new Map<WorkloadKey, Subject>();
  for (const [key, input] of workloads) {
    const subject = subjectOf(key, input, now);
    if (subject) subjects.set(key, subject);
  }
  const callers = callersOf([...subjects].map(([key, { settled }]) => [key, settled] as const));
  const verdicts = mapEach(subjects, (subject) => accuse(subject, subjects));
  const watches = mapEach(subjects, (subject, key) => watchOf(subject, verdicts.get(key)!, callers, now));
  const settledFlow = flowOf('settled', subjects, verdicts, watches, callers, now);
  const recentFlow = flowOf('recent', subjects, verdicts, watches, callers, now);
  const harmed = [...subjects.keys()].filter(
    (key) => watches.get(key)!.harmedSince !== undefined || verdicts.get(key)!.signs.length > 0,
  );
  const protection = protect(harmed, callers, subjects);
  return mapEach(subjects, (subject, key) => {
    const { settled, recent, newest, usual, norm, isComplete, targetPerPod, limit } = subject;
    const { signs, blame: found, isIntended } = verdicts.get(key)!;
    return {
      signs,
      blame: found,
      isIntended,
      settled,
      recent,
      newest,
      usual,
      norm,
      watch: watches.get(key)!,
      isSaturated: settled.starved >= SATURATED,
      isComplete,
      load: { settled: settledFlow.loads.get(key)!, recent: recentFlow.loads.get(key)! },
      waiting: { settled: settledFlow.waiting.get(key)!, recent: recentFlow.waiting.get(key)! },
      isPassedDown: norm !== undefined && callers.has(key),
      outside: outsideShare(settled.arrived, callers.get(key)),
      protectedBy: protection.get(key) ?? [],
      targetPerPod,
      limit,
    };
  });
}

function mapEach<T>(
  subjects: ReadonlyMap<WorkloadKey, Subject>,
  map: (subject: Subject, key: WorkloadKey) => T,
): ReadonlyMap<WorkloadKey, T> {
  return new Map([...subjects].map(([key, subject]) => [key, map(subject, key)]));
}

function subjectOf(
  key: WorkloadKey,
  { rule, samples, history }: WorkloadInput,
  now: number,
): Subject | undefined {
  const { windows } = samples;
  if (!windows || isAbsent(windows.settled)) return undefined;
  const settled = profileOf(windows.settled);
  if (!settled) return undefined;
  const newest = newestOf(windows.recent, settled);
  const recent = differs(newest, settled) ? newest : settled;
  const usual = usualOf(history.usual, samples, history.watch, now);
  const norm = normOf(usual);
  const targetPerPod = rule && targetPerPodOf(rule, samples, now);
  const limit = limitOf(rule, samples, now);
  const isShort = isShortOfCpu(settled, norm, targetPerPod, limit);
  return {
    key,
    rule,
    profile: settled,
    settled,
    recent,
    newest,
    usual,
    norm,
    watch: history.watch ?? NEW_WATCH,
    signs: rule ? signsOf(settled, norm, rule.harm, weighObjective(rule, samples, now)) : [],
    isShort,
    isComplete: isComplete(settled, samples, history, now),
    targetPerPod,
    limit,
  };
}

/** The shorter window where it covers every pod and enough answers. */
function newestOf(measures: Measures | Absent, settled: Profile): Profile {
  if (isAbsent(measures) || measures.pods < settled.pods) return settled;
  const newest = profileOf(measures);
  return newest?.enough ? newest : settled;
}

/** True if the arrivals of two windows differ by more than chance. */
function differs(newest: Profile, settled: Profile): boolean {
  const chance = 2 * Math.sqrt(Math.max(settled.arrived, newest.arrived) / newest.window);
  return Math.abs(newest.arrived - settled.arrived) > chance;
}

/** A new pod template starts anew, and so does what has differed for long without hurting otherwise. */
function usualOf(
  usual: Usual | undefined,
  { template }: Samples,
  watch: Watch | undefined,
  now: number,
): Usual {
  const isNew = template !== undefined && usual?.template !== undefined && template !== usual.template;
  const isNowUsual = watch?.differsSince !== undefined && now - watch.differsSince >= BECOMES_USUAL;
  if (usual && !isNew && !isNowUsual) return usual;
  return { ...NOTHING_USUAL, ...(template !== undefined && { template }) };
}

function targetPerPodOf(rule: Rule, samples: Samples, now: number): number | undefined {
  const target = byCpuDemand(rule)?.target;
  if (!target || 'value' in target) return undefined;
  if ('averageValue' in target) return target.averageValue;
  const request = usableRequest(readSignal(samples, 'request', rule, now));
  return isAbsent(request) ? undefined : (request.value * target.averageUtilization) / 100;
}

function limitOf(rule: Rule | undefined, samples: Samples, now: number): number | undefined {
  const limit = readSignal(samples, 'limit', rule ?? { maxAge: {} }, now);
  return isAbsent(limit) || limit.value === 0 ? undefined : limit.value;
}

function isShortOfCpu(
  { arrived, answered, used, pods, starved }: Profile,
  norm: Norm | undefined,
  targetPerPod: number | undefined,
  limit: number | undefined,
): boolean {
  if (starved >= SATURATED) return true;
  if (limit !== undefined && used > NEAR_LIMIT * limit * pods) return true;
  const cost = norm?.cost ?? (answered > 0 ? used / answered : 0);
  return targetPerPod !== undefined && arrived * cost > OVER_TARGET * targetPerPod * pods;
}

/** True unless some pod that may carry load is younger than the window, or has not started or is not measured yet. */
export function isComplete(
  { pods, window }: Pick<Measures, 'pods' | 'window'>,
  samples: Samples,
  history: Pick<History, 'scaleUps' | 'fewerPodsSince' | 'unseenSince'>,
  now: number,
): boolean {
  const { pods: known } = samples;
  const isCovered =
    stayingPods(pods, samples) >= replicasAtWork(samples, history, now) || isUnseen(history, now);
  if (!isCovered || !known) return isCovered;
  const idle = idlePods(samples, now);
  return known.every(
    (pod) => pod.deleted || idle.has(pod.name) || wasReady(pod) || isReadyFor(pod, window + SETTLING, now),
  );
}

/** Finds the cause of the signs; slowness alone, of a workload that is used more than usual, is no harm. */
function accuse(
  subject: Subject,
  subjects: ReadonlyMap<WorkloadKey, Subject>,
): { readonly signs: readonly Sign[]; readonly blame: Blame | undefined; readonly isIntended: boolean } {
  const { key, signs, rule } = subject;
  if (signs.length === 0) return { signs, blame: undefined, isIntended: false };
  const follow = rule?.decide.find(({ action }) => action === 'follow');
  const found = blame(key, subjects, follow?.maxHops ?? MAX_HOPS);
  if (!isUsedMore(subject, found, subjects)) return { signs, blame: found, isIntended: false };
  return { signs: [], blame: found, isIntended: true };
}

function isUsedMore(
  { signs, settled }: Subject,
  { end, path, cause }: Blame,
  subjects: ReadonlyMap<WorkloadKey, Subject>,
): boolean {
  if (signs.some(({ kind }) => kind !== 'latency') || settled.abandoned > 0) return false;
  if (end !== 'self' || !['cpu', 'other', 'queue'].includes(cause.name)) return false;
  const last = subjects.get(path.at(-1)!)!;
  const { starved, answered, pods } = last.settled;
  if (last.isShort || starved >= SATURATED || !last.norm || pods === 0) return false;
  return answered / pods > BUSIER * last.norm.perPod;
}

function watchOf(
  { key, settled, recent, rule, watch, norm }: Subject,
  { signs }: { readonly signs: readonly Sign[] },
  callers: Callers,
  now: number,
): Watch {
  const outside = outsideShare(settled.arrived, callers.get(key));
  const round = {
    signs,
    rounds: rule?.harm.rounds ?? 1,
    arrived: recent.arrived,
    isSaturated: settled.starved >= SATURATED,
    isBalanced: isBalanced(settled),
    hasStrangers: norm !== undefined && callers.has(key) && outside > norm.outside + STRANGERS,
  };
  return observe(watch, round, now);
}

function flowOf(
  window: 'settled' | 'recent',
  subjects: ReadonlyMap<WorkloadKey, Subject>,
  verdicts: ReadonlyMap<WorkloadKey, { readonly signs: readonly Sign[]; readonly blame: Blame | undefined }>,
  watches: ReadonlyMap<WorkloadKey, Watch>,
  callers: Callers,
  now: number,
): Record<'loads' | 'waiting', ReadonlyMap<WorkloadKey, number>> {
  const stations = new Map<WorkloadKey, Station>();
  for (const [key, subject] of subjects) {
    const { signs, blame: found } = verdicts.get(key)!;
    const profile = subject[window];
    const { strangersSince, quietLoad } = watches.get(key)!;
    stations.set(key, {
      profile,
      norm: subject.norm,
      hasSigns: signs.length > 0,
      arrived: arrivalsThatCount(profile, signs, found, callers.has(key), quietLoad),
      hasStrangers: strangersSince !== undefined && now - strangersSince >= STRANGERS_AFTER,
    });
  }
  const loads = flow(stations, callers);
  return { loads, waiting: waitingFor(stations, callers, loads) };
}

/**
 * Arrivals per second to size for. What is proven to be a retry is no demand; and where clients of an entry give up for
 * another cause than its CPU, what exceeds the arrivals before may be retries, too.
 */
function arrivalsThatCount(
  { arrived, abandoned, retried }: Profile,
  signs: readonly Sign[],
  found: Blame | undefined,
  isCalled: boolean,
  quietLoad: number | undefined,
): number {
  // A server that does not notice that clients have gone must serve their retries, too, to recover.
  const askedOnce = arrived - Math.min(retried, abandoned);
  const isForOtherCause = found && ownCauseOf(found) !== 'cpu';
  if (isCalled || signs.length === 0 || !isForOtherCause || abandoned <= GIVEN_UP * arrived) return askedOnce;
  return Math.min(askedOnce, quietLoad === undefined ? askedOnce : MOST_RETRIED * quietLoad);
}

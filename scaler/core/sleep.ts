import type { SleepTrace } from './decision.js';
import { LONGEST_INTERVAL } from './history.js';
import { isAbsent, readSignal } from './reading.js';
import type { History, Samples, Sleep } from './round.js';
import type { Sizing } from './sizing.js';
import { elapsed } from './time.js';
import type { Absent, Rule } from './types.js';

/** Part of what its pods are sized for under which a workload's CPU demand is that of doing nothing. */
const NOTHING = 0.1;

/** Result of a round. */
export interface Rest {
  readonly trace: SleepTrace;
  /** For the next round; a workload that falls asleep now is `asleep`, too. */
  readonly sleep: Sleep;
  readonly isAsleep: boolean;
  /** Replicas to sleep with, once it has been quiet for long enough, or while it sleeps on. */
  readonly replicas: number | undefined;
}

interface Restful {
  readonly rule: Rule;
  readonly samples: Samples;
  readonly history: Pick<History, 'sleep' | 'dataGap'>;
}

/**
 * Finds out whether a workload sleeps, may go to sleep, or must wake. It goes to sleep only on data: no activation and no
 * demand, both measured, in every round of the time. It wakes on activation, and when that cannot be read for its maxAge.
 *
 * @param sizings by each target of the rule
 * @param mayShrink false where this round must not remove replicas for another reason
 * @returns undefined for a rule without `idle` whose workload it has not put to sleep
 */
export function restOf(
  { rule, samples, history }: Restful,
  sizings: readonly (Sizing | Absent)[],
  mayShrink: boolean,
  now: number,
): Rest | undefined {
  const { idle } = rule;
  const isAsleep = sleeps(rule, samples, history);
  if (!idle)
    return isAsleep ? { trace: { wakes: 'noIdle' }, sleep: {}, isAsleep, replicas: undefined } : undefined;
  const { signal, above } = idle.activation;
  const reading = readSignal(samples, signal, rule, now);
  const activation = isAbsent(reading) ? { text: reading.text } : { value: reading.value };
  const isUnread = isAbsent(reading);
  const isActive = !isUnread && reading.value > above;
  if (isAsleep) {
    const unreadSince = isUnread ? (history.sleep?.unreadSince ?? now) : undefined;
    const sleep = { asleep: true, ...(unreadSince !== undefined && { unreadSince }) } as const;
    const isDeaf = unreadSince !== undefined && elapsed(unreadSince, now) >= (rule.maxAge[signal] ?? 0);
    const wakes = wakesBy(rule, isActive, isDeaf, sizings.some(isBusy));
    const trace = {
      activation,
      above,
      ...(unreadSince !== undefined && { unreadSince }),
      ...(wakes && { wakes }),
    };
    return { trace, sleep, isAsleep, replicas: wakes ? undefined : idle.replicas };
  }
  const isQuiet = !isUnread && !isActive && mayShrink && sizings.every(isIdle) && !mustRun(rule);
  const since = isQuiet ? (quietSince(history, now) ?? now) : undefined;
  const isDue = since !== undefined && elapsed(since, now) >= idle.after;
  return {
    trace: { activation, above, ...(since !== undefined && { quietSince: since }) },
    sleep: since === undefined ? {} : { quiet: { since, at: now } },
    isAsleep,
    replicas: isDue ? idle.replicas : undefined,
  };
}

/** True if the rule itself has set the replicas of `idle`, or those of an `idle` that it has no more. */
function sleeps(
  { idle, minReplicas }: Rule,
  { replicas, writer }: Samples,
  { sleep }: Restful['history'],
): boolean {
  if (replicas !== (idle?.replicas ?? 0) || replicas >= minReplicas) return false;
  return writer ? writer.manager === undefined : sleep?.asleep === true;
}

function wakesBy(rule: Rule, isActive: boolean, isDeaf: boolean, busy: boolean): SleepTrace['wakes'] {
  if (isActive) return 'activation';
  if (isDeaf) return 'unread';
  if (mustRun(rule)) return 'bound';
  return busy ? 'demand' : undefined;
}

/** A schedule or an annotation asks for replicas now. */
function mustRun({ inForce = [], restrictions }: Rule): boolean {
  return restrictions?.minReplicas !== undefined || inForce.some((one) => one.minReplicas !== undefined);
}

/** Without data it is not known to be busy. A process that does nothing uses some CPU all the same. */
function isIdle(sizing: Sizing | Absent): boolean {
  return !isAbsent(sizing) && !isBusy(sizing);
}

function isBusy(sizing: Sizing | Absent): boolean {
  if (isAbsent(sizing)) return false;
  const { signal, demand, ratio } = sizing.trace;
  return signal === 'cpu' ? ratio > NOTHING : demand > 0;
}

/** A pause in which nothing was seen begins the time anew. */
function quietSince({ sleep, dataGap }: Restful['history'], now: number): number | undefined {
  const { quiet } = sleep ?? {};
  return quiet && !dataGap && elapsed(quiet.at, now) <= LONGEST_INTERVAL ? quiet.since : undefined;
}

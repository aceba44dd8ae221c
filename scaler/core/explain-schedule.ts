import { count, localTime } from './format.js';
import type { ScheduleInForce } from './schedule.js';
import type { Rule } from './types.js';

type Bound = 'minReplicas' | 'maxReplicas';

/** The schedule that sets a bound; of several, the one that does so longest. */
export function settingOf({ inForce = [], ...rule }: Rule, bound: Bound): ScheduleInForce | undefined {
  const setting = inForce.filter((schedule) => schedule[bound] === rule[bound]);
  return setting.sort((a, b) => b.until - a.until)[0];
}

/** What the schedule that sets a bound does, a clause; undefined where none sets it. */
export function scheduleText(rule: Rule, bound: Bound, now: number): string | undefined {
  const schedule = settingOf(rule, bound);
  if (!schedule) return undefined;
  const verb = bound === 'minReplicas' ? 'keeps at least' : 'allows at most';
  const replicas = count(rule[bound], 'replica');
  return `schedule "${schedule.name}" ${verb} ${replicas} until ${scheduleEnd(schedule, now)}`;
}

/** The schedule that sets a bound, as its name. */
export function scheduleName(rule: Rule, bound: Bound): string | undefined {
  const schedule = settingOf(rule, bound);
  return schedule && `${bound} of schedule "${schedule.name}"`;
}

/** `18:00 Europe/Berlin`, with the date unless it is today. */
export function scheduleEnd({ until, timeZone }: ScheduleInForce, now: number): string {
  return localTime(until, timeZone, now);
}

/** Schedules that forbid to remove replicas. */
export function forbidding({ inForce = [] }: Rule): ScheduleInForce[] {
  return inForce.filter(({ noScaleDown }) => noScaleDown);
}

/** Why nothing is removed while schedules forbid it, clauses. */
export function forbiddenBy(rule: Rule, now: number): string[] {
  return forbidding(rule).map(
    (schedule) => `schedule "${schedule.name}" forbids scaling down until ${scheduleEnd(schedule, now)}`,
  );
}

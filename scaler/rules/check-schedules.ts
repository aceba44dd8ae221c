import type { Path } from '../../common/yaml/document.js';
import { cronFault, isTimeZone, windowFault } from '../core/schedule.js';
import { duplicates, problem, validFields } from './checking.js';
import { valueAt } from './findings.js';
import { scheduleSchema, type RawRule, type RawSchedule } from './schema.js';
import type { RuleFinding } from './types.js';

type Bounds = Pick<Partial<RawRule>, 'minReplicas' | 'maxReplicas'>;

/** Checks the schedules of a rule: that each is in force at times, and what it changes then. */
export function checkSchedules(rule: Bounds, rawRule: unknown, path: Path): RuleFinding[] {
  const raw = valueAt(rawRule, ['schedules']);
  if (!Array.isArray(raw)) return [];
  const schedules = raw.map((one, index) => ({
    schedule: validFields<RawSchedule>(scheduleSchema.shape, one),
    path: [...path, 'schedules', index],
  }));
  const names = schedules.flatMap(({ schedule: { name }, path: at }) =>
    name === undefined ? [] : [{ name, path: [...at, 'name'] }],
  );
  return [
    ...duplicates(names, 'another schedule of this rule'),
    ...schedules.flatMap(({ schedule, path: at }, index) => [
      ...checkTimes(schedule, at),
      ...checkEffect(valueAt(raw, [index]), at),
      ...checkBounds(schedule, rule, at),
    ]),
  ];
}

function checkTimes({ start, end, timeZone = 'UTC' }: Partial<RawSchedule>, path: Path): RuleFinding[] {
  const findings = Object.entries({ start, end }).flatMap(([field, expression]) => {
    const fault = expression === undefined ? undefined : cronFault(expression);
    if (fault === undefined) return [];
    const message = `"${expression}" is no cron expression: ${fault}`;
    return [problem('RULE_WRONG_VALUE', [...path, field], message)];
  });
  if (!isTimeZone(timeZone)) {
    const message = `unknown time zone "${timeZone}"; it must be an IANA name such as Europe/Berlin`;
    findings.push(problem('RULE_WRONG_VALUE', [...path, 'timeZone'], message));
  }
  if (findings.length > 0 || start === undefined || end === undefined) return findings;
  switch (windowFault({ timeZone, start, end })) {
    case 'neverOpens':
      return [problem('RULE_CONFLICT', [...path, 'start'], 'the schedule is never in force')];
    case 'neverCloses':
      return [problem('RULE_CONFLICT', [...path, 'end'], 'the schedule never ends')];
    case undefined:
      return [];
  }
}

function checkEffect(raw: unknown, path: Path): RuleFinding[] {
  const effects = ['minReplicas', 'maxReplicas', 'scaleDown'];
  if (effects.some((field) => valueAt(raw, [field]) !== undefined)) return [];
  const message = 'the schedule changes nothing; set minReplicas, maxReplicas or scaleDown';
  return [problem('RULE_MISSING_FIELD', path, message)];
}

function checkBounds(schedule: Partial<RawSchedule>, rule: Bounds, path: Path): RuleFinding[] {
  if (schedule.minReplicas === undefined && schedule.maxReplicas === undefined) return [];
  const { minReplicas = rule.minReplicas ?? 1, maxReplicas = rule.maxReplicas } = schedule;
  if (maxReplicas === undefined || minReplicas <= maxReplicas) return [];
  const field = schedule.minReplicas === undefined ? 'maxReplicas' : 'minReplicas';
  const message = `minReplicas ${minReplicas} is above maxReplicas ${maxReplicas} while the schedule is in force`;
  return [problem('RULE_CONFLICT', [...path, field], message)];
}

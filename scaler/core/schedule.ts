import { Cron } from 'croner';
import { oncePer } from '../../common/once.js';

/** A window of time in which a rule has other bounds: from each start to the next end. */
export interface Schedule {
  readonly name: string;
  /** IANA name of the time zone that the expressions are in. */
  readonly timeZone: string;
  /** Cron expressions of five fields. */
  readonly start: string;
  readonly end: string;
  /** Undefined: the rule's. */
  readonly minReplicas?: number;
  readonly maxReplicas?: number;
  /** Nothing is removed while it is in force. */
  readonly noScaleDown?: true;
}

/** A schedule that is in force. */
export interface ScheduleInForce extends Schedule {
  /** Its end, seconds since the epoch. */
  readonly until: number;
}

type Times = Pick<Schedule, 'timeZone' | 'start' | 'end'>;

/** A schedule has a start among so many, from 2024 on, at which it is in force, or it never is. */
const STARTS = 400;
const FIRST = Date.UTC(2024, 0, 1) / 1000;
const FIVE_FIELDS = /^\S+( +\S+){4}$/;

/**
 * Time at which a schedule that is in force ends, seconds since the epoch; undefined while it is not. It is in force while
 * its last start is later than its last end. A time that a change of clocks skips is the moment of the change; one that
 * comes twice is the first.
 */
export function openUntil(schedule: Times, now: number): number | undefined {
  return windowsOf(schedule).openUntil(now);
}

/** Why a text is no cron expression; undefined if it is one. */
export function cronFault(expression: string): string | undefined {
  if (!FIVE_FIELDS.test(expression))
    return 'it needs five fields: minute, hour, day of the month, month, day of the week';
  try {
    parse(expression, 'UTC');
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error);
  }
}

export function isTimeZone(name: string): boolean {
  try {
    return (
      new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '' && !/\d:/.test(name)
    );
  } catch {
    return false;
  }
}

/** Why a schedule of valid expressions is of no use; undefined if it opens and closes. */
export function windowFault(schedule: Times): 'neverOpens' | 'neverCloses' | undefined {
  const { start, end } = cronsOf(schedule);
  if (end.nextRun(dateOf(FIRST)) === null) return 'neverCloses';
  let at = FIRST;
  for (let tried = 0; tried < STARTS; tried++) {
    const next = start.nextRun(dateOf(at));
    if (next === null) break;
    at = next.getTime() / 1000;
    if (openUntil(schedule, at) !== undefined) return undefined;
  }
  return 'neverOpens';
}

const windowsOf = oncePer((schedule: Times) => new Windows(schedule));

/** The windows of a schedule. The one of the last question is kept: rounds ask again and again within it. */
class Windows {
  readonly #crons: ReturnType<typeof cronsOf>;
  #known: { readonly from: number; readonly to: number; readonly isOpen: boolean } | undefined;

  constructor(schedule: Times) {
    this.#crons = cronsOf(schedule);
  }

  openUntil(now: number): number | undefined {
    const known = this.#known;
    const current = known && now >= known.from && now < known.to ? known : (this.#known = this.#at(now));
    return current.isOpen ? current.to : undefined;
  }

  #at(now: number): { readonly from: number; readonly to: number; readonly isOpen: boolean } {
    const { start, end } = this.#crons;
    const from = Math.floor(now);
    const isOpen = last(start, from) > last(end, from);
    const next = (isOpen ? end : start).nextRun(dateOf(from));
    return { from, to: next ? next.getTime() / 1000 : Infinity, isOpen };
  }
}

/** Time of the last run up to a whole second; before all times without any. */
function last(cron: Cron, at: number): number {
  const [run] = cron.previousRuns(1, dateOf(at + 1));
  return run ? run.getTime() : -Infinity;
}

function cronsOf({ timeZone, start, end }: Times): { readonly start: Cron; readonly end: Cron } {
  return { start: parse(start, timeZone), end: parse(end, timeZone) };
}

function parse(expression: string, timezone: string): Cron {
  return new Cron(expression, { timezone, mode: '5-part', paused: true });
}

function dateOf(seconds: number): Date {
  return new Date(seconds * 1000);
}

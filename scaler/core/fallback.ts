import { elapsed } from './time.js';
import type { Rule } from './types.js';

/** No data to size a workload by. */
export interface Absence {
  /** First round without, seconds since the epoch. */
  readonly since: number;
  /** The fallback has raised the replicas, which it does once. */
  readonly raised?: true;
}

/** The absence that lasts, if the rule has a fallback for it. */
export function observeAbsence(
  before: Absence | undefined,
  { fallback }: Pick<Rule, 'fallback'>,
  isAbsent: boolean,
  now: number,
): Absence | undefined {
  return fallback && isAbsent ? (before ?? { since: now }) : undefined;
}

/** What the fallback raises the replicas to, and when; undefined where it does not raise them. */
export function fallbackOf(
  { fallback, maxReplicas }: Pick<Rule, 'fallback' | 'maxReplicas'>,
  absence: Absence | undefined,
  current: number,
): { readonly replicas: number; readonly at: number } | undefined {
  if (!fallback || !absence || absence.raised) return undefined;
  const replicas = Math.min(fallback.replicas, maxReplicas);
  return replicas > current ? { replicas, at: absence.since + fallback.after } : undefined;
}

/** Replicas by a fallback whose time has come. */
export function fallBack(
  rule: Pick<Rule, 'fallback' | 'maxReplicas'>,
  absence: Absence | undefined,
  current: number,
  now: number,
): number | undefined {
  const fallback = fallbackOf(rule, absence, current);
  return fallback && elapsed(fallback.at, now) >= 0 ? fallback.replicas : undefined;
}

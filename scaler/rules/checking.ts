import type { z } from 'zod';
import type { Path } from '../../common/yaml/document.js';
import { suggestion } from './suggestion.js';
import type { RuleErrorCode, RuleFinding } from './types.js';

/**
 * Fields of a mapping that are valid by themselves. Checks run over these, so that one misspelt key or wrong value does
 * not hide the other errors of its rule.
 */
export function validFields<T>(shape: Readonly<Record<string, z.ZodType>>, raw: unknown): Partial<T> {
  if (raw === null || typeof raw !== 'object') return {};
  const valid = Object.entries(raw).flatMap(([field, value]) => {
    const parsed = Object.hasOwn(shape, field) ? shape[field]!.safeParse(value) : undefined;
    return parsed?.success ? [[field, parsed.data] as const] : [];
  });
  return Object.fromEntries(valid) as Partial<T>;
}

/**
 * Finds names that occur twice.
 *
 * @param owner thing that has a name, for the message
 * @param seen names in use; the function adds to it
 */
export function duplicates(
  names: readonly { name: string; path: Path }[],
  owner: string,
  seen = new Set<string>(),
): RuleFinding[] {
  return names.flatMap(({ name, path }) => {
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    const message = `the name "${name}" is already used by ${owner}; rename one of them`;
    return [problem('RULE_DUPLICATE_NAME', path, message)];
  });
}

/** Finds a name that is no signal of the group. */
export function checkSignalName(
  signal: string,
  path: Path,
  known: readonly string[],
  atKey = false,
): RuleFinding[] {
  if (known.includes(signal)) return [];
  const advice =
    suggestion(signal, known) || `; known signals are ${known.join(', ')}; add others to the group's signals`;
  return [problem('RULE_UNKNOWN_SIGNAL', path, `unknown signal "${signal}"${advice}`, atKey)];
}

export function problem(code: RuleErrorCode, path: Path, message: string, atKey = false): RuleFinding {
  return { code, path, message, atKey };
}

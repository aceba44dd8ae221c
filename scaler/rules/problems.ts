import type { Path } from '../../common/yaml/document.js';
import { suggestion } from './suggestion.js';
import type { RuleErrorCode, RuleFinding } from './types.js';

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

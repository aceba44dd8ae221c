import type { RuleError, RuleFile } from './types.js';

/**
 * Finds files that look as if a write had failed, compared with their last good versions: all rules are gone, or the text
 * is the last one, cut off within a line or before its last rules. A cut between two fields looks like an edit.
 */
export function truncatedFiles(before: readonly RuleFile[], now: readonly RuleFile[]): RuleError[] {
  const last = new Map(before.map((file) => [file.file, file]));
  return now.flatMap((file) => {
    const previous = last.get(file.file);
    return previous ? truncation(previous, file) : [];
  });
}

function truncation(before: RuleFile, { file, text, rules }: RuleFile): RuleError[] {
  const lost = before.rules - rules;
  if (before.rules > 0 && rules === 0) {
    const all = lost === 1 ? 'its only rule, which stays' : `all of its ${lost} rules, which stay`;
    const message = `the file has lost ${all} in force; if that is meant, delete the file, or start with --rules.allow-truncated`;
    return [{ file, line: 1, column: 1, code: 'RULE_FILE_TRUNCATED', message }];
  }
  const kept = text.trimEnd();
  if (!before.text.startsWith(kept)) return [];
  const isWithinLine = !text.endsWith('\n') && /^[^\n]*\S/.test(before.text.slice(kept.length));
  if (lost <= 0 && !isWithinLine) return [];
  const lines = text.split('\n');
  const without = lost > 0 ? `, without its last ${lost === 1 ? 'rule' : `${lost} rules`}` : '';
  const message = `the file is its last version, cut off here${without}; if that is meant, change another line too, such as a comment, or start with --rules.allow-truncated`;
  const end = { line: lines.length, column: lines.at(-1)!.length + 1 };
  return [{ file, ...end, code: 'RULE_FILE_TRUNCATED', message }];
}

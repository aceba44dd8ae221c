import type { z } from 'zod';
import type { Path } from './document.js';
import { suggestion } from './nearest.js';
import type { LintCode, RuleErrorCode } from './types.js';

/** Something wrong in a rule file, at a path into it. */
export interface Finding {
  readonly code: RuleErrorCode | LintCode;
  readonly path: Path;
  /** Point at the key, not at its value. */
  readonly atKey?: boolean;
  /** Point at this character of the text at `path`. */
  readonly offset?: number;
  readonly message: string;
}

type Issue = z.core.$ZodIssue;

/** Characters of a value that are shown. */
const LONGEST_SHOWN = 60;

const DURATIONS = new Set<PropertyKey | undefined>([
  'interval',
  'window',
  'maxAge',
  'for',
  'keepFor',
  'latency',
  'eval_time',
  'evaluation_interval',
]);

/** Turns what zod found into sentences that say what is wrong and what would be right. */
export function findingsOf(issues: readonly Issue[], file: unknown, schema: z.ZodType): Finding[] {
  return issues.flatMap((issue) => describe(issue, file, schema));
}

function describe(issue: Issue, file: unknown, schema: z.ZodType): Finding[] {
  const { path } = issue;
  const value = valueAt(file, path);
  const name = nameOf(path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownField(path, key, fieldsAt(schema, path)));
    case 'invalid_key':
      return [wrongValue(path, `"${String(path.at(-1))}" is no name: use letters, digits and _`, true)];
    case 'invalid_union':
      return [wrongValue(path, `${name} must be a number or a quantity such as 500m, not ${show(value)}`)];
    case 'too_small':
    case 'too_big':
      return [{ code: 'RULE_OUT_OF_RANGE', path, message: `${name} ${rangeText(issue, value)}` }];
    case 'invalid_type':
      return [value === undefined ? missing(path, issue.expected) : wrongType(path, issue.expected, value)];
    case 'invalid_value':
      return [value === undefined ? missing(path, oneOf(issue.values)) : wrongChoice(issue, name, value)];
    case 'invalid_format':
      return [wrongValue(path, `${name} must be ${formatText(path)}, not ${show(value)}`)];
    default:
      return [wrongValue(path, `${name}: ${issue.message}`)];
  }
}

function unknownField(path: Path, key: string, known: readonly string[]): Finding {
  const place = nameOf(path);
  const where = place.startsWith('the ') ? '' : ` in ${place}`;
  const hint = suggestion(key, known) || `; known are ${known.join(', ')}`;
  return {
    code: 'RULE_UNKNOWN_FIELD',
    path: [...path, key],
    atKey: true,
    message: `unknown field "${key}"${where}${hint}`,
  };
}

function missing(path: Path, expected: string): Finding {
  const message = `${nameOf(path)} is missing; it must be ${rightType(path, expected)}`;
  return { code: 'RULE_MISSING_FIELD', path, message };
}

function rightType(path: Path, expected: string): string {
  return DURATIONS.has(path.at(-1)) ? formatText(path) : article(expected);
}

function wrongType(path: Path, expected: string, value: unknown): Finding {
  const message = `${nameOf(path)} must be ${rightType(path, expected)}, not ${show(value)}`;
  return { code: 'RULE_WRONG_TYPE', path, message };
}

function wrongValue(path: Path, message: string, atKey = false): Finding {
  return { code: 'RULE_WRONG_VALUE', path, message, atKey };
}

function wrongChoice(
  issue: Extract<Issue, { code: 'invalid_value' }>,
  name: string,
  value: unknown,
): Finding {
  const choices = issue.values.map(String);
  const hint = typeof value === 'string' ? suggestion(value, choices) : '';
  return wrongValue(issue.path, `${name} must be ${oneOf(choices)}, not ${show(value)}${hint}`);
}

function rangeText(issue: Extract<Issue, { code: 'too_small' | 'too_big' }>, value: unknown): string {
  if (issue.origin === 'string' || issue.origin === 'array') return 'must not be empty';
  const [including, excluding, limit] =
    issue.code === 'too_small' ? ['at least', 'above', issue.minimum] : ['at most', 'below', issue.maximum];
  return `must be ${issue.inclusive === false ? excluding : including} ${Number(limit)}, not ${show(value)}`;
}

function formatText(path: Path): string {
  const last = path.at(-1);
  if (last === 'bound' || last === 'signal') return 'a name of letters, digits and _';
  if (last === 'tolerance' || last === 'averageValue') return 'a number or a quantity such as 500m';
  return 'a duration such as 90s, 5m or 1h30m';
}

function oneOf(values: readonly unknown[]): string {
  return values.map((value) => `"${String(value)}"`).join(' or ');
}

const ARTICLES: Record<string, string> = {
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

function article(expected: string): string {
  return ARTICLES[expected] ?? expected;
}

function show(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (value !== null && typeof value === 'object') return 'a mapping';
  if (typeof value !== 'string') return String(value);
  const text = JSON.stringify(value);
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}

/** The path as people write it; in a rule, from the rule on: `behavior.scaleUp.policies[0].type`. */
export function nameOf(path: Path): string {
  const inGroups = path.length === 0 || path[0] === 'groups';
  const within = inGroups ? path.slice(path[2] === 'rules' ? 4 : 2) : path;
  if (within.length === 0) return ['the file', 'groups', 'the group', 'rules', 'the rule'][path.length]!;
  return within
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
    .join('')
    .replace(/^\./, '');
}

export function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inner, step) =>
      inner !== null && typeof inner === 'object' ? (inner as Record<PropertyKey, unknown>)[step] : undefined,
    value,
  );
}

/** The fields that the schema knows for the mapping at `path`. */
function fieldsAt(schema: z.ZodType, path: Path): string[] {
  let inner: unknown = unwrap(schema);
  for (const step of path) inner = unwrap(childOf(inner, step));
  return Object.keys(definition(inner).shape ?? {});
}

interface Definition {
  readonly shape?: Readonly<Record<string, unknown>>;
  readonly element?: unknown;
  readonly valueType?: unknown;
  readonly innerType?: unknown;
}

function definition(schema: unknown): Definition {
  return (schema as { def?: Definition } | undefined)?.def ?? {};
}

function childOf(schema: unknown, step: PropertyKey): unknown {
  const { shape, element, valueType } = definition(schema);
  return shape?.[String(step)] ?? element ?? valueType;
}

/** The schema inside `optional` and `nullable`. */
function unwrap(schema: unknown): unknown {
  const { innerType } = definition(schema);
  return innerType === undefined ? schema : unwrap(innerType);
}

import type { z } from 'zod';
import type { Path, Pointer } from '../../common/yaml/document.js';
import { suggestion } from './suggestion.js';

/** Codes of schema violations. */
export type SchemaErrorCode =
  'RULE_UNKNOWN_FIELD' | 'RULE_MISSING_FIELD' | 'RULE_WRONG_TYPE' | 'RULE_WRONG_VALUE' | 'RULE_OUT_OF_RANGE';

/** Defect of a document's content. */
export interface Finding<Code extends string = SchemaErrorCode> extends Pointer {
  readonly code: Code;
  readonly message: string;
}

type Issue = z.core.$ZodIssue;

/** Longest part of a value that a message quotes, in characters. */
const MAX_QUOTED = 60;

const TYPES: Readonly<Record<string, string>> = {
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

/** Explains how a value violates a schema: what is wrong, and what would be right. */
export function schemaFindings(schema: z.ZodType, value: unknown): Finding[] {
  const issues = schema.safeParse(value).error?.issues ?? [];
  return issues.flatMap((issue) => explain(issue, schema, value));
}

function explain(issue: Issue, schema: z.ZodType, file: unknown): Finding[] {
  const { path } = issue;
  const value = valueAt(file, path);
  const name = nameOf(path);
  const found = (code: SchemaErrorCode, message: string): Finding[] => [{ code, path, message }];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownField(path, key, fieldsAt(schema, path)));
    case 'invalid_key': {
      const message = `"${String(path.at(-1))}" must be ${issue.issues[0]!.message}`;
      return [{ code: 'RULE_WRONG_VALUE', path, atKey: true, message }];
    }
    case 'too_small':
    case 'too_big':
      return found('RULE_OUT_OF_RANGE', `${name} must ${rangeOf(issue, value)}`);
    case 'invalid_type':
    case 'invalid_value': {
      const expected = expectedOf(issue);
      if (value === undefined) {
        return found('RULE_MISSING_FIELD', `${name} is missing; it must be ${expected}`);
      }
      const code = issue.code === 'invalid_type' ? 'RULE_WRONG_TYPE' : 'RULE_WRONG_VALUE';
      return found(code, `${name} must be ${expected}, not ${quote(value)}${hint(issue, value)}`);
    }
    default:
      return found('RULE_WRONG_VALUE', `${name} must be ${issue.message}, not ${quote(value)}`);
  }
}

function unknownField(path: Path, key: string, known: readonly string[]): Finding {
  const parent = nameOf(path);
  const where = parent.startsWith('the ') ? '' : ` in ${parent}`;
  const advice = suggestion(key, known) || `; known fields are ${known.join(', ')}`;
  const message = `unknown field "${key}"${where}${advice}`;
  return { code: 'RULE_UNKNOWN_FIELD', path: [...path, key], atKey: true, message };
}

function expectedOf(issue: Extract<Issue, { code: 'invalid_type' | 'invalid_value' }>): string {
  if (issue.code === 'invalid_value') return oneOf(issue.values);
  // A schema with a message of its own says what it expects; zod's own message repeats the type.
  return issue.message.startsWith('Invalid ') ? (TYPES[issue.expected] ?? issue.expected) : issue.message;
}

function hint(issue: Issue, value: unknown): string {
  if (issue.code !== 'invalid_value' || typeof value !== 'string') return '';
  return suggestion(value, issue.values.map(String));
}

function rangeOf(issue: Extract<Issue, { code: 'too_small' | 'too_big' }>, value: unknown): string {
  if (issue.origin === 'string' || issue.origin === 'array') return 'not be empty';
  const [inclusive, exclusive, limit] =
    issue.code === 'too_small' ? ['at least', 'above', issue.minimum] : ['at most', 'below', issue.maximum];
  return `be ${issue.inclusive === false ? exclusive : inclusive} ${Number(limit)}, not ${quote(value)}`;
}

function oneOf(values: readonly unknown[]): string {
  const quoted = values.map((value) => `"${String(value)}"`);
  const last = quoted.pop();
  return quoted.length === 0 ? last! : `${quoted.join(', ')} or ${last!}`;
}

function quote(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (value !== null && typeof value === 'object') return 'a mapping';
  if (typeof value !== 'string') return String(value);
  const text = JSON.stringify(value);
  return text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}…` : text;
}

/** A path as users write it; inside a rule, relative to the rule: `behavior.scaleUp.policies[0].type`. */
function nameOf(path: Path): string {
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
      inner !== null && typeof inner === 'object' && Object.hasOwn(inner, step)
        ? (inner as Record<PropertyKey, unknown>)[step]
        : undefined,
    value,
  );
}

interface Definition {
  readonly shape?: Readonly<Record<string, unknown>>;
  readonly element?: unknown;
  readonly valueType?: unknown;
  readonly innerType?: unknown;
}

/** Fields of the mapping at a path, by the schema. */
function fieldsAt(schema: z.ZodType, path: Path): string[] {
  const { shape } = path.reduce<Definition>((definition, step) => {
    const { shape, element, valueType } = definition;
    return definitionOf(shape?.[String(step)] ?? element ?? valueType);
  }, definitionOf(schema));
  return Object.keys(shape ?? {});
}

/** Definition of a schema, without `optional` and `nullable` around it. */
function definitionOf(schema: unknown): Definition {
  const definition = (schema as { def?: Definition } | undefined)?.def ?? {};
  return definition.innerType === undefined ? definition : definitionOf(definition.innerType);
}

import { isObject } from '../../common/fields.js';
import type { Path } from '../../common/yaml/document.js';
import { valueAt } from './findings.js';
import type { RawGroup } from './schema.js';
import type { RuleFinding } from './types.js';

type Fields = Readonly<Record<string, unknown>>;

/** Fields that say the same: a rule's own one replaces the default of the other. */
const ALTERNATIVES: readonly (readonly string[])[] = [
  ['mode', 'dryRun'],
  ['target', 'targets'],
];

/** Fields that only a rule has. */
const OWN = ['scale', 'scaleTargetRef', 'match'];

/** The group with its `defaults` filled into its rules. */
export function withDefaults(group: RawGroup): RawGroup {
  const { defaults } = group;
  if (!defaults) return group;
  return { ...group, rules: group.rules.map((rule) => ({ ...fieldsFor(rule, defaults), ...rule })) };
}

/** A rule as `withDefaults` fills it in, whether it is valid or not. */
export function rawWithDefaults(rule: unknown, rawGroup: unknown): unknown {
  const defaults = valueAt(rawGroup, ['defaults']);
  return isObject(rule) && isObject(defaults) ? { ...fieldsFor(rule, defaults), ...rule } : rule;
}

/** The finding at the field of `defaults` that it is about, where the rule has no such field of its own. */
export function atDefaults(finding: RuleFinding, rule: unknown, rulePath: Path): RuleFinding {
  const within = finding.path.slice(rulePath.length);
  const [field] = within;
  if (field === undefined || !isObject(rule) || Object.hasOwn(rule, field)) return finding;
  return { ...finding, path: [...rulePath.slice(0, 2), 'defaults', ...within] };
}

function fieldsFor<T extends Fields>(rule: Fields, defaults: T): Partial<T> {
  const replaced = ALTERNATIVES.filter((fields) => fields.some((field) => Object.hasOwn(rule, field)));
  const excluded = [...OWN, ...replaced.flat()];
  const given = Object.entries(defaults).filter(([field]) => !excluded.includes(field));
  return Object.fromEntries(given) as Partial<T>;
}

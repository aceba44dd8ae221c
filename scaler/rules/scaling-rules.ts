import { isObject } from '../../common/fields.js';
import { workloadKey, type WorkloadKey } from '../core/types.js';
import { MATCH_SCOPES, SCALING_RULE } from './custom-resource.js';
import { resolveGroup } from './defaults.js';
import { parseRules } from './load.js';
import { fileSchema, type RawRule } from './schema.js';
import type { RuleGroup } from './types.js';

/** What is read of a ScalingRule object. */
export interface ScalingRule {
  readonly namespace: string;
  readonly name: string;
  readonly generation?: number;
  /** Seconds since the epoch. */
  readonly createdAt?: number;
  readonly spec: unknown;
  /** As last written. */
  readonly status?: unknown;
}

/** The name of a rule in its group. */
export function ruleNameOf({ namespace, name }: Pick<ScalingRule, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`;
}

export interface LoadedScalingRules {
  /** One group of all rules without errors: its queries do not grow with the objects. Undefined without any. */
  readonly group: RuleGroup | undefined;
  /** Errors by `ruleNameOf`; a rule with errors is not in force, and costs no other. */
  readonly errors: ReadonlyMap<string, readonly string[]>;
}

type Checked = { readonly rule: RawRule } | { readonly errors: readonly string[] };

/** Objects are replaced, never changed, so each version is checked once. */
const checked = new WeakMap<ScalingRule, Checked>();

/** Loads the objects by what rule files are loaded by. */
export function loadScalingRules(objects: readonly ScalingRule[]): LoadedScalingRules {
  const { rules, errors } = checkScalingRules(objects);
  return { group: rules.length === 0 ? undefined : groupOf(rules), errors };
}

/** Tells rules from errors, without loading anything. Of two that name one workload, the older one scales it. */
export function checkScalingRules(
  objects: readonly ScalingRule[],
): Pick<LoadedScalingRules, 'errors'> & { readonly rules: readonly RawRule[] } {
  const rules: RawRule[] = [];
  const errors = new Map<string, readonly string[]>();
  const owners = new Map<WorkloadKey, string>();
  for (const object of [...objects].sort(byAge)) {
    const name = ruleNameOf(object);
    const result = checkedOf(object);
    if ('errors' in result) {
      errors.set(name, result.errors);
      continue;
    }
    const key = result.rule.scaleTargetRef && workloadKey(result.rule.scaleTargetRef);
    const owner = key && owners.get(key);
    if (owner !== undefined) {
      errors.set(name, [`${key} is already scaled by the ScalingRule ${owner}; keep one of them`]);
      continue;
    }
    if (key) owners.set(key, name);
    rules.push(result.rule);
  }
  return { rules, errors };
}

/** A line for each error. */
export function ruleErrors(errors: LoadedScalingRules['errors']): string[] {
  return [...errors].flatMap(([name, messages]) =>
    messages.map((message) => `${SCALING_RULE.kind} ${name}: ${message}`),
  );
}

function groupOf(rules: readonly RawRule[]): RuleGroup {
  const sources = rules.map(({ scale }) => ({ file: `${SCALING_RULE.kind} ${scale}`, line: 1, column: 1 }));
  return resolveGroup({ name: SCALING_RULE.plural, rules: [...rules] }, SCALING_RULE.kind, sources);
}

function checkedOf(object: ScalingRule): Checked {
  const known = checked.get(object);
  if (known) return known;
  const result = check(object);
  checked.set(object, result);
  return result;
}

function check(object: ScalingRule): Checked {
  const foreign = foreignScope(object);
  if (foreign !== undefined) return { errors: [foreign] };
  const file = { groups: [{ name: SCALING_RULE.plural, rules: [toRule(object)] }] };
  const { errors } = parseRules(ruleNameOf(object), JSON.stringify(file));
  if (errors.length > 0) return { errors: errors.map(({ message }) => message) };
  return { rule: fileSchema.parse(file).groups[0]!.rules[0]! };
}

function toRule(object: ScalingRule): Record<string, unknown> {
  const { namespace } = object;
  const spec = fieldsOf(object.spec);
  const within = (name: string) =>
    spec[name] === undefined ? {} : { [name]: { ...fieldsOf(spec[name]), namespace } };
  return { ...spec, ...within('scaleTargetRef'), ...within('match'), scale: ruleNameOf(object) };
}

/** Whoever may write rules in a namespace may not scale the workloads of another. */
function foreignScope({ namespace, spec }: ScalingRule): string | undefined {
  const { scaleTargetRef, match } = fieldsOf(spec);
  const given = [
    ...scopesIn('scaleTargetRef', fieldsOf(scaleTargetRef), ['namespace'], namespace),
    ...scopesIn('match', fieldsOf(match), MATCH_SCOPES, namespace),
  ];
  if (given.length === 0) return undefined;
  return `a ScalingRule scales workloads of its own namespace; remove ${given.join(', ')}`;
}

function scopesIn(
  parent: string,
  fields: Readonly<Record<string, unknown>>,
  names: readonly string[],
  own: string,
): string[] {
  return names
    .filter((name) => ![undefined, own].includes(fields[name] as string))
    .map((name) => `${parent}.${name}`);
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}

function byAge(a: ScalingRule, b: ScalingRule): number {
  return (a.createdAt ?? 0) - (b.createdAt ?? 0) || (ruleNameOf(a) < ruleNameOf(b) ? -1 : 1);
}

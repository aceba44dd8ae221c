import type { z } from 'zod';
import { parseDuration } from '../../common/duration.js';
import { LONGEST_INTERVAL } from '../core/decide.js';
import type { Path } from './document.js';
import { valueAt, type Finding } from './issues.js';
import { suggestion } from './nearest.js';
import { checkPromql } from './promql.js';
import { parseQuantity } from '../../common/quantity.js';
import {
  decideStepSchema,
  groupSchema,
  objectiveSchema,
  ruleSchema,
  signalSchema,
  type RawDecideStep,
  type RawGroup,
  type RawRule,
  type RawSignal,
} from './schema.js';
import { fillObjective } from './defaults.js';
import { builtInSignals } from './signals.js';
import type { RuleErrorCode } from './types.js';

const BUILT_IN = Object.keys(builtInSignals('1m'));
/** `target` is the ratio of demand to target, `edges` a list: neither is a signal that conditions compare. */
const RESERVED = ['target'];
const BUILT_IN_KINDS = ['Deployment', 'StatefulSet'];

/**
 * The fields of a mapping that are valid by themselves. Checks run over these, so that one misspelt key or wrong
 * value does not hide the other errors of its rule.
 */
function validFields<T>(shape: Readonly<Record<string, z.ZodType>>, raw: unknown): Partial<T> {
  if (raw === null || typeof raw !== 'object') return {};
  const valid = Object.entries(raw).flatMap(([field, value]) => {
    const parsed = Object.hasOwn(shape, field) ? shape[field]!.safeParse(value) : undefined;
    return parsed?.success ? [[field, parsed.data] as const] : [];
  });
  return Object.fromEntries(valid) as Partial<T>;
}

/** Names of the signals that a group adds to the built-in ones. */
function signalNames(rawGroup: unknown): string[] {
  const signals = valueAt(rawGroup, ['signals']);
  return signals !== null && typeof signals === 'object' ? Object.keys(signals) : [];
}

/** Names of the signals that the rules of a group may use. */
export function knownSignals(rawGroup: unknown): string[] {
  return [...BUILT_IN, ...latencySignals(rawGroup), ...signalNames(rawGroup)];
}

/** The signals that come with the objectives of a group's rules. */
function latencySignals(rawGroup: unknown): string[] {
  const rules = valueAt(rawGroup, ['rules']);
  return (Array.isArray(rules) ? rules : []).flatMap((rule) => {
    const objective = objectiveSchema.safeParse(valueAt(rule, ['objective']));
    return objective.success ? [fillObjective(objective.data).signal] : [];
  });
}

/** What a group's own fields do not tell one by one. */
export function checkGroup(rawGroup: unknown, path: Path): Finding[] {
  const { interval, window } = validFields<RawGroup>(groupSchema.shape, rawGroup);
  const findings = interval === undefined ? [] : checkInterval(interval, [...path, 'interval']);
  if (window !== undefined && parseDuration(window) === 0) {
    findings.push(problem('RULE_OUT_OF_RANGE', [...path, 'window'], 'window must be longer than 0s'));
  }
  const builtIn = [...BUILT_IN, ...latencySignals(rawGroup)];
  for (const name of signalNames(rawGroup)) {
    const signal = valueAt(rawGroup, ['signals', name]);
    findings.push(...checkSignal(name, signal, [...path, 'signals', name], builtIn));
  }
  return findings;
}

/**
 * What a rule's fields do not tell one by one.
 *
 * @param signals names of the signals of the rule's group, see `knownSignals`
 */
export function checkRule(rawRule: unknown, path: Path, signals: readonly string[]): Finding[] {
  if (rawRule === null || typeof rawRule !== 'object' || Array.isArray(rawRule)) return [];
  const rule = validFields<RawRule>(ruleSchema.shape, rawRule);
  const known = signals.filter((name) => name !== 'edges');
  const steps = valueAt(rawRule, ['decide']);
  return [
    ...checkScaled(rule, rawRule, path),
    ...checkSelector(rule, path),
    ...checkRange(rule, path),
    ...checkTarget(rule, [...path, 'target'], known),
    ...checkObjective(rule, [...path, 'objective']),
    ...(Array.isArray(steps) ? steps : []).flatMap((step, index) =>
      checkStep(step, [...path, 'decide', index], known),
    ),
  ];
}

/**
 * Finds names that occur twice.
 *
 * @param what takes a name, for people
 * @param seen the names that are taken already; those found are added
 */
export function duplicates(
  names: readonly { name: string; path: Path }[],
  what: string,
  seen = new Set<string>(),
): Finding[] {
  return names.flatMap(({ name, path }) => {
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    return [problem('RULE_DUPLICATE_NAME', path, `the name "${name}" is taken by ${what}; choose another`)];
  });
}

function checkInterval(interval: string, path: Path): Finding[] {
  const seconds = parseDuration(interval);
  if (seconds > 0 && seconds <= LONGEST_INTERVAL) return [];
  return [
    problem(
      'RULE_OUT_OF_RANGE',
      path,
      `interval must be above 0s and at most ${LONGEST_INTERVAL}s, not ${interval}`,
    ),
  ];
}

function checkSignal(name: string, rawSignal: unknown, path: Path, builtIn: readonly string[]): Finding[] {
  if (RESERVED.includes(name)) {
    const message = '"target" means demand over target; give the signal another name';
    return [{ ...problem('RULE_CONFLICT', path, message), atKey: true }];
  }
  const { expr } = validFields<RawSignal>(signalSchema.shape, rawSignal);
  if (expr === undefined) {
    if (builtIn.includes(name) || valueAt(rawSignal, ['expr']) !== undefined) return [];
    const message = `signal "${name}" has no expr and is none of the built-in ones`;
    return [problem('RULE_MISSING_FIELD', path, `${message}${suggestion(name, builtIn) || '; give it one'}`)];
  }
  const fault = checkPromql(expr);
  if (!fault) return [];
  const at = { path: [...path, 'expr'], offset: fault.offset };
  return [{ code: 'RULE_PROMQL', ...at, message: `signal "${name}": ${fault.message}` }];
}

function checkScaled(rule: Partial<RawRule>, rawRule: unknown, path: Path): Finding[] {
  const given = ['scaleTargetRef', 'match'].filter((field) => valueAt(rawRule, [field]) !== undefined);
  if (given.length === 2) {
    const message = 'scaleTargetRef and match exclude each other; keep one';
    return [{ ...problem('RULE_CONFLICT', [...path, 'match'], message), atKey: true }];
  }
  const [field] = given;
  if (field === undefined) {
    const message = 'nothing to scale: name one workload with scaleTargetRef, or many with match';
    return [problem('RULE_MISSING_FIELD', path, message)];
  }
  const reference = rule.scaleTargetRef ?? rule.match;
  if (!reference || reference.apiVersion !== undefined || BUILT_IN_KINDS.includes(reference.kind)) return [];
  const message = `${field}.apiVersion is missing; only ${BUILT_IN_KINDS.join(' and ')} go without it (apps/v1)`;
  const hint = suggestion(reference.kind, BUILT_IN_KINDS);
  return [problem('RULE_MISSING_FIELD', [...path, field], `${message}${hint}`)];
}

/** As Kubernetes' API checks a selector. */
function checkSelector({ match }: Partial<RawRule>, path: Path): Finding[] {
  return (match?.selector?.matchExpressions ?? []).flatMap(({ operator, values = [] }, index) => {
    const at = [...path, 'match', 'selector', 'matchExpressions', index];
    const needed = operator === 'In' || operator === 'NotIn';
    if (needed === values.length > 0) return [];
    if (needed) return [problem('RULE_MISSING_FIELD', at, `operator ${operator} needs values`)];
    return [problem('RULE_CONFLICT', [...at, 'values'], `operator ${operator} goes without values`)];
  });
}

function checkRange({ minReplicas = 1, maxReplicas }: Partial<RawRule>, path: Path): Finding[] {
  if (maxReplicas === undefined || minReplicas <= maxReplicas) return [];
  const message = `minReplicas ${minReplicas} is above maxReplicas ${maxReplicas}`;
  return [problem('RULE_CONFLICT', [...path, 'minReplicas'], message)];
}

function checkTarget({ target }: Partial<RawRule>, path: Path, known: readonly string[]): Finding[] {
  if (!target) return [];
  const { signal = 'cpu', averageUtilization, averageValue, value } = target;
  const findings = checkSignalName(signal, [...path, 'signal'], known);
  const given = Object.keys({ averageUtilization, averageValue, value }).filter(
    (field) => target[field as 'value'] !== undefined,
  );
  if (given.length > 1) {
    findings.push(problem('RULE_CONFLICT', path, `target has ${given.join(' and ')}; keep one of them`));
  }
  if (signal !== 'cpu' && averageValue === undefined && value === undefined) {
    const message = `target needs averageValue or value: averageUtilization is a share of the CPU request, and "${signal}" is not CPU`;
    findings.push(problem('RULE_CONFLICT', path, message));
  }
  for (const [field, amount] of Object.entries({ averageValue, value })) {
    if (amount === undefined || Math.round(1000 * parseQuantity(amount)) > 0) continue;
    findings.push(problem('RULE_OUT_OF_RANGE', [...path, field], `${field} must be at least 0.001`));
  }
  return findings;
}

function checkObjective({ objective }: Partial<RawRule>, path: Path): Finding[] {
  if (!objective || parseDuration(objective.latency) > 0) return [];
  return [problem('RULE_OUT_OF_RANGE', [...path, 'latency'], 'latency must be longer than 0s')];
}

function checkStep(rawStep: unknown, path: Path, known: readonly string[]): Finding[] {
  const step = validFields<RawDecideStep>(decideStepSchema.shape, rawStep);
  const findings = checkConditions(step.when, [...path, 'when'], known);
  if (step.maxHops !== undefined && step.action !== undefined && step.action !== 'follow') {
    const message = 'maxHops goes with action: follow only';
    findings.push({ ...problem('RULE_CONFLICT', [...path, 'maxHops'], message), atKey: true });
  }
  return findings;
}

function checkConditions(
  when: RawDecideStep['when'] | undefined,
  path: Path,
  known: readonly string[],
): Finding[] {
  if (when === undefined) return [];
  const conditions = Object.entries(when);
  if (conditions.length === 0)
    return [problem('RULE_MISSING_FIELD', path, 'when needs at least one condition')];
  return conditions.flatMap(([signal, { above, below }]) => {
    const at = [...path, signal];
    const findings = checkSignalName(signal, at, [...RESERVED, ...known], true);
    if (above === undefined && below === undefined) {
      findings.push(problem('RULE_MISSING_FIELD', at, `the condition on ${signal} needs above or below`));
    } else if (above !== undefined && below !== undefined && above >= below) {
      findings.push(problem('RULE_CONFLICT', at, `nothing is above ${above} and below ${below}`));
    }
    return findings;
  });
}

function checkSignalName(signal: string, path: Path, known: readonly string[], atKey = false): Finding[] {
  if (known.includes(signal)) return [];
  const hint =
    suggestion(signal, known) || `; known are ${known.join(', ')}; others go under the group's signals`;
  return [{ ...problem('RULE_UNKNOWN_SIGNAL', path, `no signal is named "${signal}"${hint}`), atKey }];
}

function problem(code: RuleErrorCode, path: Path, message: string): Finding {
  return { code, path, message };
}

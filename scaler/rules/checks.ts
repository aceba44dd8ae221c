import { parseDuration } from '../../common/duration.js';
import { LONGEST_INTERVAL } from '../core/history.js';
import type { Target } from '../core/types.js';
import type { CheckPromql } from '../promql/check.js';
import { builtInSignals, optionalSignals } from '../promql/signals.js';
import type { Path } from '../../common/yaml/document.js';
import { valueAt } from './findings.js';
import { checkIdle } from './check-idle.js';
import { checkSchedules } from './check-schedules.js';
import { checkSignalName, problem, validFields } from './checking.js';
import { suggestion } from './suggestion.js';
import { checkTargets } from './check-targets.js';
import { fillObjective, fillTargets } from './defaults.js';
import {
  decideStepSchema,
  groupSchema,
  harmSchema,
  objectiveSchema,
  ruleSchema,
  signalSchema,
  type RawDecideStep,
  type RawGroup,
  type RawHarm,
  type RawRule,
  type RawSignal,
} from './schema.js';
import type { RuleFinding } from './types.js';

const BUILT_IN = Object.keys({ ...builtInSignals('1m'), ...optionalSignals('1m') });
/** `target` is the ratio of demand to target in conditions. */
const RESERVED = ['target'];
/** Rounds that follow each other faster see the same scrapes, and fill Prometheus with queries. */
const SHORTEST_INTERVAL = 1;
/** Causes of harm that a step without conditions can match. */
const CAUSES = ['cpu', 'disk', 'dependency', 'lock'];
const BUILT_IN_KINDS = ['Deployment', 'StatefulSet'];

/** Names of the signals that a group adds or overrides. */
function signalNames(rawGroup: unknown): string[] {
  const signals = valueAt(rawGroup, ['signals']);
  return signals !== null && typeof signals === 'object' ? Object.keys(signals) : [];
}

/** Names of the signals that the rules of a group may use. */
export function knownSignals(rawGroup: unknown): string[] {
  return [...new Set([...BUILT_IN, ...latencySignals(rawGroup), ...signalNames(rawGroup)])];
}

/** Names of the latency signals that the objectives of a group's rules add. */
function latencySignals(rawGroup: unknown): string[] {
  const rules = valueAt(rawGroup, ['rules']);
  return (Array.isArray(rules) ? rules : []).flatMap((rule) => {
    const objective = objectiveSchema.safeParse(valueAt(rule, ['objective']));
    return objective.success ? [fillObjective(objective.data).signal] : [];
  });
}

/** Checks the fields of a group, except its rules, against each other. */
export function checkGroup(rawGroup: unknown, path: Path, check: CheckPromql): RuleFinding[] {
  const { interval, window } = validFields<RawGroup>(groupSchema.shape, rawGroup);
  const findings = interval === undefined ? [] : checkInterval(interval, [...path, 'interval']);
  if (window !== undefined && parseDuration(window) === 0) {
    findings.push(problem('RULE_OUT_OF_RANGE', [...path, 'window'], 'window must be longer than 0s'));
  }
  const builtIn = [...BUILT_IN, ...latencySignals(rawGroup)];
  for (const name of signalNames(rawGroup)) {
    const signal = valueAt(rawGroup, ['signals', name]);
    findings.push(...checkSignal(name, signal, [...path, 'signals', name], builtIn, check));
  }
  return findings;
}

/**
 * Checks the fields of a rule against each other.
 *
 * @param signals `knownSignals` of the rule's group
 */
export function checkRule(rawRule: unknown, path: Path, signals: readonly string[]): RuleFinding[] {
  if (rawRule === null || typeof rawRule !== 'object' || Array.isArray(rawRule)) return [];
  const rule = validFields<RawRule>(ruleSchema.shape, rawRule);
  // `edges` has many values per workload, so no condition or target can compare it.
  const known = signals.filter((name) => name !== 'edges');
  const steps = valueAt(rawRule, ['decide']);
  const own = fillTargets(rule).map(({ signal }) => signal);
  return [
    ...checkScaled(rule, rawRule, path),
    ...checkSelector(rule, 'selector', path),
    ...checkSelector(rule, 'namespaceSelector', path),
    ...checkNamespaces(rule, path),
    ...checkRange(rule, rawRule, path),
    ...checkMode(rule, path),
    ...checkSchedules(rule, rawRule, path),
    ...checkFallback(rule, [...path, 'fallback']),
    ...checkIdle(rule, [...path, 'idle']),
    ...checkTargets(rawRule, path, known),
    ...checkObjective(rule, [...path, 'objective']),
    ...checkHarm(valueAt(rawRule, ['harm']), [...path, 'harm']),
    ...(Array.isArray(steps) ? steps : []).flatMap((step, index) =>
      checkStep(step, [...path, 'decide', index], [...new Set([...known, ...own])], fillTargets(rule)),
    ),
  ];
}

function checkInterval(interval: string, path: Path): RuleFinding[] {
  const seconds = parseDuration(interval);
  if (seconds >= SHORTEST_INTERVAL && seconds <= LONGEST_INTERVAL) return [];
  const message = `interval must be at least ${SHORTEST_INTERVAL}s and at most ${LONGEST_INTERVAL}s, not ${interval}`;
  return [problem('RULE_OUT_OF_RANGE', path, message)];
}

function checkSignal(
  name: string,
  rawSignal: unknown,
  path: Path,
  builtIn: readonly string[],
  check: CheckPromql,
): RuleFinding[] {
  if (RESERVED.includes(name)) {
    const message = '"target" is reserved for the ratio of demand to target; rename the signal';
    return [problem('RULE_CONFLICT', path, message, true)];
  }
  const { expr } = validFields<RawSignal>(signalSchema.shape, rawSignal);
  if (expr === undefined) {
    if (builtIn.includes(name) || valueAt(rawSignal, ['expr']) !== undefined) return [];
    const message = `signal "${name}" is not built in and needs an expr${suggestion(name, builtIn)}`;
    return [problem('RULE_MISSING_FIELD', path, message)];
  }
  const fault = check(expr);
  if (!fault) return [];
  const at = { path: [...path, 'expr'], offset: fault.offset };
  return [{ code: 'RULE_PROMQL', ...at, message: `signal "${name}": ${fault.message}` }];
}

function checkScaled(rule: Partial<RawRule>, rawRule: unknown, path: Path): RuleFinding[] {
  const given = ['scaleTargetRef', 'match'].filter((field) => valueAt(rawRule, [field]) !== undefined);
  if (given.length === 2) {
    const message = 'scaleTargetRef and match are mutually exclusive; keep one of them';
    return [problem('RULE_CONFLICT', [...path, 'match'], message, true)];
  }
  const [field] = given;
  if (field === undefined) {
    const message = 'no workload to scale; set scaleTargetRef for one workload or match for many';
    return [problem('RULE_MISSING_FIELD', path, message)];
  }
  const reference = rule.scaleTargetRef ?? rule.match;
  if (!reference || reference.apiVersion !== undefined || BUILT_IN_KINDS.includes(reference.kind)) return [];
  const message = `${field}.apiVersion is missing; only ${BUILT_IN_KINDS.join(' and ')} default to apps/v1`;
  const hint = suggestion(reference.kind, BUILT_IN_KINDS);
  return [problem('RULE_MISSING_FIELD', [...path, field], `${message}${hint}`)];
}

/** Checks a selector as the Kubernetes API does. */
function checkSelector(
  { match }: Partial<RawRule>,
  field: 'selector' | 'namespaceSelector',
  path: Path,
): RuleFinding[] {
  return (match?.[field]?.matchExpressions ?? []).flatMap(({ operator, values = [] }, index) => {
    const at = [...path, 'match', field, 'matchExpressions', index];
    const needed = operator === 'In' || operator === 'NotIn';
    if (needed === values.length > 0) return [];
    if (needed) return [problem('RULE_MISSING_FIELD', at, `operator ${operator} requires values`)];
    return [problem('RULE_CONFLICT', [...at, 'values'], `operator ${operator} takes no values; remove them`)];
  });
}

function checkNamespaces({ match }: Partial<RawRule>, path: Path): RuleFinding[] {
  if (match?.namespace === undefined || match.namespaces === undefined) return [];
  const message = 'match.namespace and match.namespaces are mutually exclusive; keep one of them';
  return [problem('RULE_CONFLICT', [...path, 'match', 'namespaces'], message, true)];
}

function checkMode({ mode, dryRun }: Partial<RawRule>, path: Path): RuleFinding[] {
  if (mode === undefined || dryRun === undefined || dryRun === (mode === 'shadow')) return [];
  const message = `mode ${mode} and dryRun ${dryRun} contradict each other; keep mode`;
  return [problem('RULE_CONFLICT', [...path, 'dryRun'], message, true)];
}

function checkRange(
  { minReplicas = 1, maxReplicas }: Partial<RawRule>,
  rawRule: unknown,
  path: Path,
): RuleFinding[] {
  if (valueAt(rawRule, ['maxReplicas']) === undefined)
    return [problem('RULE_MISSING_FIELD', path, 'maxReplicas is missing; it must be a number')];
  if (maxReplicas === undefined || minReplicas <= maxReplicas) return [];
  const message = `minReplicas ${minReplicas} is above maxReplicas ${maxReplicas}`;
  return [problem('RULE_CONFLICT', [...path, 'minReplicas'], message)];
}

function checkFallback(
  { fallback, maxReplicas, schedules = [] }: Partial<RawRule>,
  path: Path,
): RuleFinding[] {
  if (!fallback) return [];
  const { after, replicas } = fallback;
  const findings =
    parseDuration(after) > 0
      ? []
      : [problem('RULE_OUT_OF_RANGE', [...path, 'after'], 'after must be longer than 0s')];
  const most = Math.max(maxReplicas ?? Infinity, ...schedules.map((one) => one.maxReplicas ?? 0));
  if (replicas <= most) return findings;
  const message = `fallback.replicas ${replicas} is above maxReplicas ${most}`;
  return [...findings, problem('RULE_CONFLICT', [...path, 'replicas'], message)];
}

function checkObjective({ objective }: Partial<RawRule>, path: Path): RuleFinding[] {
  if (!objective || parseDuration(objective.latency) > 0) return [];
  return [problem('RULE_OUT_OF_RANGE', [...path, 'latency'], 'latency must be longer than 0s')];
}

function checkHarm(rawHarm: unknown, path: Path): RuleFinding[] {
  const { backlog } = validFields<RawHarm>(harmSchema.shape, rawHarm);
  if (backlog === undefined || parseDuration(backlog) > 0) return [];
  return [problem('RULE_OUT_OF_RANGE', [...path, 'backlog'], 'backlog must be longer than 0s')];
}

function checkStep(
  rawStep: unknown,
  path: Path,
  known: readonly string[],
  targets: readonly Target[],
): RuleFinding[] {
  const step = validFields<RawDecideStep>(decideStepSchema.shape, rawStep);
  const findings =
    valueAt(rawStep, ['when']) === undefined
      ? checkCause(step, path, targets)
      : checkConditions(step.when, [...path, 'when'], known);
  if (step.maxHops !== undefined && step.action !== undefined && step.action !== 'follow') {
    const message = 'maxHops applies only to action: follow; remove it';
    findings.push(problem('RULE_CONFLICT', [...path, 'maxHops'], message, true));
  }
  return findings;
}

/** A step without conditions matches a cause of harm. */
function checkCause(
  { bound }: Partial<RawDecideStep>,
  path: Path,
  targets: readonly Target[],
): RuleFinding[] {
  const causes = [...new Set([...CAUSES, ...targets.map(({ signal }) => signal)])];
  if (bound === undefined || causes.includes(bound)) return [];
  const advice =
    suggestion(bound, causes) || `; causes are ${causes.join(', ')}; another class needs conditions in when`;
  const message = `no cause of harm is named "${bound}"${advice}`;
  return [problem('RULE_MISSING_FIELD', [...path, 'bound'], message)];
}

function checkConditions(
  when: RawDecideStep['when'] | undefined,
  path: Path,
  known: readonly string[],
): RuleFinding[] {
  if (when === undefined) return [];
  const conditions = Object.entries(when);
  if (conditions.length === 0)
    return [problem('RULE_MISSING_FIELD', path, 'when needs at least one condition')];
  return conditions.flatMap(([signal, { above, below }]) => {
    const at = [...path, signal];
    const findings = checkSignalName(signal, at, [...RESERVED, ...known], true);
    if (above === undefined && below === undefined) {
      const message = `the condition on ${signal} needs above, below or both`;
      findings.push(problem('RULE_MISSING_FIELD', at, message));
    } else if (above !== undefined && below !== undefined && above >= below) {
      const message = `no value is above ${above} and below ${below}; above must be less than below`;
      findings.push(problem('RULE_CONFLICT', at, message));
    }
    return findings;
  });
}

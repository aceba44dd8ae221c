import { own } from '../../common/own.js';
import { mapValues } from '../../common/map-values.js';
import { parseDuration } from '../../common/duration.js';
import { parseQuantity } from '../../common/quantity.js';
import { DEFAULT_TOLERANCE } from '../core/replica-calculator.js';
import type { Schedule } from '../core/schedule.js';
import { DEFAULT_DOWN_WINDOW } from '../core/stabilize.js';
import type {
  Behavior,
  DecideStep,
  HarmThresholds,
  Objective,
  RuleSettings,
  ScalingPolicy,
  ScalingRules,
  Target,
} from '../core/types.js';
import { isCpuDemand, requestSignal } from '../core/targets.js';
import { builtInSignals, latencySignal, optionalSignals, podSignals } from '../promql/signals.js';
import { longestRange } from '../promql/syntax.js';
import {
  recentExpressions,
  recentSeconds,
  TOLD_BY,
  windowExpressions,
  type RecentPart,
  type WindowPart,
} from '../promql/windows.js';
import type { Position } from '../../common/yaml/document.js';
import type {
  RawBehavior,
  RawGroup,
  RawHarm,
  RawObjective,
  RawRule,
  RawScalingRules,
  RawSchedule,
  RawTarget,
} from './schema.js';
import { activationSignals, fillIdle } from './activation.js';
import { DEFAULT_MAX_AGE, fillMaxAge } from './max-age.js';
import { limitsOf, ownSignals, sharedOwn } from './own-signals.js';
import { resourceSignals, subjectOf } from './resource-signals.js';
import type { FleetRule, OwnSignal, RuleGroup, SignalQuery, WorkloadMatch, WorkloadRule } from './types.js';

const DEFAULT_INTERVAL = 10;
const DEFAULT_WINDOW = '1m';
const DEFAULT_UTILIZATION = 70;
const DEFAULT_MAX_HOPS = 8;
const DEFAULT_QUANTILE = 0.99;
const DEFAULT_API_VERSION = 'apps/v1';

export const DEFAULT_HARM: HarmThresholds = {
  latency: 2,
  atLeast: 0.01,
  backlog: 2,
  abandoned: 0.05,
  rounds: 2,
};

const DOUBLE: ScalingPolicy = { type: 'Percent', value: 100, periodSeconds: 15 };
const FOUR_PODS: ScalingPolicy = { type: 'Pods', value: 4, periodSeconds: 15 };

/**
 * Fills in every default of a valid group.
 *
 * @param sources position of each rule, in the order of the rules
 */
export function resolveGroup(group: RawGroup, file: string, sources: readonly Position[]): RuleGroup {
  const objectives = group.rules.flatMap(({ objective }) => (objective ? [fillObjective(objective)] : []));
  const own = ownSignals(group);
  const common = { ...fillSignals(group, objectives), ...activationSignals(group.rules) };
  const signals = { ...common, ...sharedOwn(group.name, own) };
  const shared = {
    maxAge: mapValues(common, ({ maxAge }) => maxAge),
    windows: mapValues(common, ({ expr }) => longestRange(expr)),
  };
  return {
    name: group.name,
    file,
    interval: group.interval === undefined ? DEFAULT_INTERVAL : parseDuration(group.interval),
    signals,
    ...(own && { own }),
    podSignals: fillPodSignals(group, signals),
    windows: fillWindows(group, signals),
    rules: group.rules.map((rule, index) =>
      resolveRule(rule, index, withLimits(shared, own?.[rule.scale]), sources[index]!),
    ),
  };
}

function withLimits(
  { maxAge, windows }: Pick<RuleSettings, 'maxAge' | 'windows'>,
  own: Readonly<Record<string, OwnSignal>> | undefined,
): Pick<RuleSettings, 'maxAge' | 'windows'> {
  if (!own) return { maxAge, windows };
  const limits = limitsOf(own);
  return { maxAge: { ...maxAge, ...limits.maxAge }, windows: { ...windows, ...limits.windows } };
}

function resolveRule(
  raw: RawRule,
  index: number,
  shared: Pick<RuleSettings, 'maxAge' | 'windows'>,
  source: Position,
): WorkloadRule | FleetRule {
  const targets = fillTargets(raw);
  const [target] = targets;
  const behavior = fillBehavior(raw.behavior);
  const inOne = inOneStep(behavior, raw, targets);
  const settings: RuleSettings = {
    scale: raw.scale,
    minReplicas: raw.minReplicas ?? 1,
    maxReplicas: maxReplicasOf(raw),
    target,
    ...(targets.length > 1 && { targets }),
    ...(raw.objective && { objective: fillObjective(raw.objective) }),
    harm: fillHarm(raw.harm),
    decide: fillDecide(raw.decide, ...targets),
    behavior: inOne,
    ...(inOne !== behavior && !targets.every(isCpuDemand) && { behaviorOfOthers: behavior }),
    ...shared,
    ...(raw.schedules && { schedules: raw.schedules.map(fillSchedule) }),
    ...(raw.fallback && { fallback: { ...raw.fallback, after: parseDuration(raw.fallback.after) } }),
    ...(raw.idle && { idle: fillIdle(raw.idle, raw, index) }),
    dryRun: raw.mode === undefined ? (raw.dryRun ?? false) : raw.mode === 'shadow',
    labels: raw.labels ?? {},
    annotations: raw.annotations ?? {},
  };
  if (raw.scaleTargetRef) {
    const { apiVersion = DEFAULT_API_VERSION, kind, namespace, name } = raw.scaleTargetRef;
    return { ...settings, source, scaleTargetRef: { apiVersion, kind, namespace, name } };
  }
  return { ...settings, source, match: fillMatch(raw.match!) };
}

function fillSchedule({ scaleDown, timeZone = 'UTC', ...schedule }: RawSchedule): Schedule {
  return { ...schedule, timeZone, ...(scaleDown && { noScaleDown: true }) };
}

/** A checked rule has one, of its own or of its group. */
function maxReplicasOf({ maxReplicas }: RawRule): number {
  return maxReplicas!;
}

function largestMaximum(raw: RawRule): number {
  const scheduled = (raw.schedules ?? []).map(({ maxReplicas = 0 }) => maxReplicas);
  return Math.max(maxReplicasOf(raw), ...scheduled);
}

function fillMatch(match: NonNullable<RawRule['match']>): WorkloadMatch {
  const { apiVersion = DEFAULT_API_VERSION, kind, namespace, namespaceSelector, selector = {} } = match;
  const namespaces = namespace === undefined ? match.namespaces : [namespace];
  return {
    apiVersion,
    kind,
    ...(namespaces && { namespaces }),
    ...(namespaceSelector && { namespaceSelector }),
    selector,
  };
}

/**
 * Fills in HPA v2's defaults field by field. A list of policies replaces the default list.
 *
 * Source: SetDefaults_HorizontalPodAutoscaler, kubernetes/pkg/apis/autoscaling/v2.
 */
export function fillBehavior(behavior: RawBehavior | null | undefined): Behavior | null {
  if (behavior === null) return null;
  return {
    scaleUp: fillScalingRules(behavior?.scaleUp, 0, [FOUR_PODS, DOUBLE]),
    scaleDown: fillScalingRules(behavior?.scaleDown, DEFAULT_DOWN_WINDOW, [DOUBLE]),
  };
}

/**
 * Demand says how many replicas are needed, so growth by it is not rationed unless the rule states policies: HPA's
 * default of doubling guards against a metric that only says "more".
 */
function inOneStep(behavior: Behavior | null, raw: RawRule, targets: readonly Target[]): Behavior | null {
  if (behavior === null || !targets.some(isCpuDemand) || raw.behavior?.scaleUp?.policies) return behavior;
  const all: ScalingPolicy = { type: 'Pods', value: largestMaximum(raw), periodSeconds: 15 };
  return { ...behavior, scaleUp: { ...behavior.scaleUp, policies: [all] } };
}

function fillScalingRules(
  rules: RawScalingRules | undefined,
  window: number,
  policies: readonly ScalingPolicy[],
): ScalingRules {
  return {
    stabilizationWindowSeconds: rules?.stabilizationWindowSeconds ?? window,
    selectPolicy: rules?.selectPolicy ?? 'Max',
    policies: rules?.policies ?? policies,
    tolerance: rules?.tolerance === undefined ? DEFAULT_TOLERANCE : parseQuantity(rules.tolerance),
  };
}

/** Built-in signals, overridden and extended by the group's own, with a latency for each quantile of an objective. */
function fillSignals(group: RawGroup, objectives: readonly Objective[]): Record<string, SignalQuery> {
  const quantiles = objectives.map(({ quantile }) => quantile);
  const given = group.signals ?? {};
  const window = group.window ?? DEFAULT_WINDOW;
  const builtIn = { ...builtInSignals(window, quantiles), ...usedSignals(group, window) };
  const requests = new Set(group.rules.flatMap(fillTargets).map(requestSignal));
  requests.delete('request');
  return mapValues({ ...builtIn, ...given }, (_, name) => {
    const { expr = own(builtIn, name) ?? '', maxAge } = own(given, name) ?? {};
    const isBuiltIn = expr === own(builtIn, name);
    const toldBy = isBuiltIn ? own(TOLD_BY, name) : undefined;
    return {
      expr,
      maxAge: fillMaxAge(maxAge),
      isBuiltIn,
      ...(toldBy && { toldBy }),
      ...(isBuiltIn && requests.has(name) && { isToldByPods: true }),
    };
  });
}

/** Signals by pod: none unless a rule is sized by the built-in CPU demand. */
function fillPodSignals(
  { window = DEFAULT_WINDOW, rules }: RawGroup,
  { cpu }: Readonly<Record<string, SignalQuery>>,
): Record<string, SignalQuery> {
  const sizedByCpu = rules.some((rule) => fillTargets(rule).some(isCpuDemand));
  if (!cpu?.toldBy || !sizedByCpu) return {};
  const { maxAge } = cpu;
  return mapValues({ ...podSignals(window) }, (expr) => ({ expr, maxAge, isBuiltIn: true }));
}

/** Both windows are as old as the CPU signal may be. */
function fillWindows(
  { window = DEFAULT_WINDOW }: RawGroup,
  { cpu }: Readonly<Record<string, SignalQuery>>,
): RuleGroup['windows'] {
  const maxAge = cpu?.maxAge ?? DEFAULT_MAX_AGE;
  const queries = <Part extends WindowPart>(seconds: number, parts: Record<Part, string>) => ({
    seconds,
    maxAge,
    parts: mapValues(parts, (expr) => ({ expr })),
  });
  const seconds = parseDuration(window);
  const recent = recentSeconds(seconds);
  const settled = windowExpressions(window);
  return {
    recent: queries<RecentPart>(
      recent,
      recent < seconds ? recentExpressions(`${Math.round(recent * 1000)}ms`) : settled,
    ),
    settled: queries(seconds, settled),
  };
}

/** Built-in signals that only some rules need. */
function usedSignals(group: RawGroup, window: string): Record<string, string> {
  const used = new Set([...Object.keys(group.signals ?? {}), ...group.rules.flatMap(namedSignals)]);
  const targets = group.rules.flatMap(fillTargets);
  return Object.assign(
    Object.fromEntries(Object.entries(optionalSignals(window)).filter(([name]) => used.has(name))),
    ...targets.map((target) => resourceSignals(target, window)),
  ) as Record<string, string>;
}

/** Signals that a rule's targets and conditions name. */
export function namedSignals(rule: Pick<RawRule, 'target' | 'targets' | 'decide'>): string[] {
  const conditions = (rule.decide ?? []).flatMap(({ when = {} }) => Object.keys(when));
  return [...fillTargets(rule).map(({ signal }) => signal), ...conditions];
}

/** The targets of a rule, at least one. */
export function fillTargets({ target, targets }: Pick<RawRule, 'target' | 'targets'>): [Target, ...Target[]] {
  const [first = target, ...others] = targets ?? [];
  return [fillTarget(first), ...others.map(fillTarget)];
}

export function fillTarget(target: RawTarget = {}): Target {
  const subject = subjectOf(target);
  if (target.averageValue !== undefined)
    return { ...subject, averageValue: parseQuantity(target.averageValue) };
  if (target.value !== undefined) return { ...subject, value: parseQuantity(target.value) };
  return { ...subject, averageUtilization: target.averageUtilization ?? DEFAULT_UTILIZATION };
}

export function fillObjective({ latency, quantile = DEFAULT_QUANTILE }: RawObjective): Objective {
  return { latency: parseDuration(latency), quantile, signal: latencySignal(quantile) };
}

function fillHarm({ atLeast, backlog, ...thresholds }: RawHarm = {}): HarmThresholds {
  return {
    ...DEFAULT_HARM,
    ...thresholds,
    ...(atLeast !== undefined && { atLeast: parseDuration(atLeast) }),
    ...(backlog !== undefined && { backlog: parseDuration(backlog) }),
  };
}

export function fillDecide(decide: RawRule['decide'], ...targets: readonly Target[]): DecideStep[] {
  if (decide === undefined) return defaultSteps(targets);
  return decide.map((step) => ({
    bound: step.bound,
    ...(step.when && { when: step.when }),
    for: step.for === undefined ? 0 : parseDuration(step.for),
    keepFor: step.keepFor === undefined ? 0 : parseDuration(step.keepFor),
    action: step.action,
    maxHops: step.maxHops ?? DEFAULT_MAX_HOPS,
  }));
}

/** What to do about each cause of harm. Disk comes first: replicas do not help, whatever the CPU demand. */
function defaultSteps(targets: readonly Target[]): DecideStep[] {
  const common = { for: 0, keepFor: 0, maxHops: DEFAULT_MAX_HOPS };
  return [
    { bound: 'disk', action: 'hold', ...common },
    ...targets.map(({ signal }): DecideStep => ({ bound: signal, action: 'scale', ...common })),
    { bound: 'dependency', action: 'follow', ...common },
    { bound: 'lock', action: 'step', ...common },
  ];
}

import { own } from '../../common/own.js';
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
import { builtInSignals, latencySignal, podSignals } from '../promql/signals.js';
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
} from './schema.js';
import { activationSignals, DEFAULT_MAX_AGE, fillIdle } from './activation.js';
import type { FleetRule, RuleGroup, SignalQuery, WorkloadMatch, WorkloadRule } from './types.js';

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
  const signals = { ...fillSignals(group, objectives), ...activationSignals(group.rules) };
  const shared = {
    maxAge: mapValues(signals, ({ maxAge }) => maxAge),
    windows: mapValues(signals, ({ expr }) => longestRange(expr)),
  };
  return {
    name: group.name,
    file,
    interval: group.interval === undefined ? DEFAULT_INTERVAL : parseDuration(group.interval),
    signals,
    podSignals: fillPodSignals(group, signals),
    windows: fillWindows(group, signals),
    rules: group.rules.map((rule, index) => resolveRule(rule, index, shared, sources[index]!)),
  };
}

function resolveRule(
  raw: RawRule,
  index: number,
  shared: Pick<RuleSettings, 'maxAge' | 'windows'>,
  source: Position,
): WorkloadRule | FleetRule {
  const target = fillTarget(raw.target);
  const settings: RuleSettings = {
    scale: raw.scale,
    minReplicas: raw.minReplicas ?? 1,
    maxReplicas: maxReplicasOf(raw),
    target,
    ...(raw.objective && { objective: fillObjective(raw.objective) }),
    harm: fillHarm(raw.harm),
    decide: fillDecide(raw.decide, target),
    behavior: inOneStep(fillBehavior(raw.behavior), raw, target),
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
function inOneStep(behavior: Behavior | null, raw: RawRule, { signal }: Target): Behavior | null {
  if (behavior === null || signal !== 'cpu' || raw.behavior?.scaleUp?.policies) return behavior;
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
  const builtIn = builtInSignals(group.window ?? DEFAULT_WINDOW, quantiles);
  const given = group.signals ?? {};
  return mapValues({ ...builtIn, ...given }, (_, name) => {
    const { expr = own(builtIn, name) ?? '', maxAge } = own(given, name) ?? {};
    const isBuiltIn = expr === own(builtIn, name);
    const toldBy = isBuiltIn ? own(TOLD_BY, name) : undefined;
    return {
      expr,
      maxAge: maxAge === undefined ? DEFAULT_MAX_AGE : parseDuration(maxAge),
      isBuiltIn,
      ...(toldBy && { toldBy }),
    };
  });
}

/** Signals by pod: none unless a rule is sized by the built-in CPU demand. */
function fillPodSignals(
  { window = DEFAULT_WINDOW, rules }: RawGroup,
  { cpu }: Readonly<Record<string, SignalQuery>>,
): Record<string, SignalQuery> {
  const sizedByCpu = rules.some(({ target }) => fillTarget(target).signal === 'cpu');
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

export function fillTarget(target: RawRule['target']): Target {
  const signal = target?.signal ?? 'cpu';
  if (target?.averageValue !== undefined) return { signal, averageValue: parseQuantity(target.averageValue) };
  if (target?.value !== undefined) return { signal, value: parseQuantity(target.value) };
  return { signal, averageUtilization: target?.averageUtilization ?? DEFAULT_UTILIZATION };
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

export function fillDecide(decide: RawRule['decide'], target: Target): DecideStep[] {
  if (decide === undefined) return defaultSteps(target);
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
function defaultSteps(target: Target): DecideStep[] {
  const common = { for: 0, keepFor: 0, maxHops: DEFAULT_MAX_HOPS };
  return [
    { bound: 'disk', action: 'hold', ...common },
    { bound: target.signal, action: 'scale', ...common },
    { bound: 'dependency', action: 'follow', ...common },
    { bound: 'lock', action: 'step', ...common },
  ];
}

function mapValues<Name extends string, T, U>(
  record: Readonly<Record<Name, T>>,
  map: (value: T, name: string) => U,
): Record<Name, U> {
  const entries = Object.entries<T>(record).map(([name, value]) => [name, map(value, name)]);
  return Object.fromEntries(entries) as Record<Name, U>;
}

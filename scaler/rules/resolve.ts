import { parseDuration } from '../../common/duration.js';
import type { RuleSettings, ScaleTargetRef } from '../core/types.js';
import {
  DEFAULT_INTERVAL,
  fillBehavior,
  fillDecide,
  fillObjective,
  fillPodSignals,
  fillSignals,
  fillTarget,
} from './defaults.js';
import { longestRange } from './promql.js';
import type { RawGroup, RawRule } from './schema.js';
import type {
  FleetRule,
  LabelSelector,
  LabelSelectorRequirement,
  Position,
  RuleGroup,
  WorkloadRule,
} from './types.js';

const BUILT_IN_API = 'apps/v1';

/**
 * Fills in every default of a valid group.
 *
 * @param sources where each rule stands, in their order
 */
export function resolveGroup(group: RawGroup, file: string, sources: readonly Position[]): RuleGroup {
  const objectives = group.rules.flatMap(({ objective }) => (objective ? [fillObjective(objective)] : []));
  const signals = fillSignals(group, objectives);
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
    rules: group.rules.map((rule, index) => resolveRule(rule, shared, sources[index]!)),
  };
}

/** The rule of a fleet as it applies to one of its workloads. */
export function bindRule(rule: FleetRule, scaleTargetRef: ScaleTargetRef): WorkloadRule {
  return { ...rule, scaleTargetRef };
}

/** A selector as the Kubernetes API's `labelSelector` parameter wants it; empty when it selects everything. */
export function selectorText({ matchLabels, matchExpressions }: LabelSelector): string {
  const equal = Object.entries(matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  return [...equal, ...(matchExpressions ?? []).map(requirementText)].join(',');
}

function requirementText({ key, operator, values }: LabelSelectorRequirement): string {
  const list = (values ?? []).join(',');
  switch (operator) {
    case 'In':
      return `${key} in (${list})`;
    case 'NotIn':
      return `${key} notin (${list})`;
    case 'Exists':
      return key;
    case 'DoesNotExist':
      return `!${key}`;
  }
}

/** What the rules of a group have in common. */
type Shared = Pick<RuleSettings, 'maxAge' | 'windows'>;

function resolveRule(raw: RawRule, shared: Shared, source: Position): WorkloadRule | FleetRule {
  const settings = resolveSettings(raw, shared);
  if (raw.scaleTargetRef) {
    const { apiVersion = BUILT_IN_API, kind, namespace, name } = raw.scaleTargetRef;
    return { ...settings, source, scaleTargetRef: { apiVersion, kind, namespace, name } };
  }
  const { apiVersion = BUILT_IN_API, kind, namespace, selector = {} } = raw.match!;
  const match = { apiVersion, kind, ...(namespace === undefined ? {} : { namespace }), selector };
  return { ...settings, source, match };
}

function resolveSettings(raw: RawRule, shared: Shared): RuleSettings {
  const target = fillTarget(raw.target);
  return {
    scale: raw.scale,
    minReplicas: raw.minReplicas ?? 1,
    maxReplicas: raw.maxReplicas,
    target,
    ...(raw.objective && { objective: fillObjective(raw.objective) }),
    decide: fillDecide(raw.decide, target),
    behavior: fillBehavior(raw.behavior),
    ...shared,
    dryRun: raw.dryRun ?? false,
    labels: raw.labels ?? {},
    annotations: raw.annotations ?? {},
  };
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, of: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, of(value)]));
}

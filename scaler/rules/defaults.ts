import { parseDuration } from '../../common/duration.js';
import { DEFAULT_TOLERANCE } from '../core/tolerance.js';
import { DEFAULT_DOWN_WINDOW } from '../core/stabilise.js';
import type { Behavior, DecideStep, Objective, ScalingPolicy, ScalingRules, Target } from '../core/types.js';
import { parseQuantity } from '../../common/quantity.js';
import type { RawBehavior, RawGroup, RawObjective, RawRule, RawScalingRules } from './schema.js';
import { builtInSignals, latencySignal, podSignals } from './signals.js';
import type { SignalQuery } from './types.js';

export const DEFAULT_INTERVAL = 10;
const DEFAULT_MAX_AGE = 45;
const DEFAULT_WINDOW = '1m';
const DEFAULT_UTILIZATION = 70;
const DEFAULT_MAX_HOPS = 4;
const DEFAULT_QUANTILE = 0.99;

const DOUBLE: ScalingPolicy = { type: 'Percent', value: 100, periodSeconds: 15 };
const FOUR_PODS: ScalingPolicy = { type: 'Pods', value: 4, periodSeconds: 15 };

/**
 * Fills in HPA v2's defaults field by field; a list of policies that is given replaces the default list.
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

/** The signals of a group: the built-in ones, changed and added to by its own; a latency for each quantile asked for. */
export function fillSignals(
  group: Pick<RawGroup, 'window' | 'signals'>,
  objectives: readonly Objective[] = [],
): Record<string, SignalQuery> {
  const quantiles = objectives.map(({ quantile }) => quantile);
  const builtIn = builtInSignals(group.window ?? DEFAULT_WINDOW, quantiles);
  const given = group.signals ?? {};
  return Object.fromEntries(
    [...new Set([...Object.keys(builtIn), ...Object.keys(given)])].map((name) => {
      const { expr, maxAge } = given[name] ?? {};
      const age = maxAge === undefined ? DEFAULT_MAX_AGE : parseDuration(maxAge);
      return [name, { expr: expr ?? builtIn[name] ?? '', maxAge: age }];
    }),
  );
}

/** Nothing is asked for by pod when no rule is sized by the CPU demand that is built in. */
export function fillPodSignals(
  { window = DEFAULT_WINDOW, rules }: Pick<RawGroup, 'window' | 'rules'>,
  { cpu }: Readonly<Record<string, SignalQuery>>,
): Record<string, SignalQuery> {
  const sizedByCpu = rules.some(({ target }) => fillTarget(target).signal === 'cpu');
  if (!cpu || !sizedByCpu || cpu.expr !== builtInSignals(window)['cpu']) return {};
  const { maxAge } = cpu;
  return Object.fromEntries(
    Object.entries(podSignals(window)).map(([name, expr]) => [name, { expr, maxAge }]),
  );
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

export function fillDecide(decide: RawRule['decide'], target: Target): DecideStep[] {
  if (decide === undefined) return defaultSteps(target);
  return decide.map((step) => ({
    bound: step.bound,
    when: step.when,
    for: step.for === undefined ? 0 : parseDuration(step.for),
    keepFor: step.keepFor === undefined ? 0 : parseDuration(step.keepFor),
    action: step.action,
    maxHops: step.maxHops ?? DEFAULT_MAX_HOPS,
  }));
}

/** Disk first: a workload held up by its disk is not helped by replicas, however much CPU it asks for as well. */
function defaultSteps(target: Target): DecideStep[] {
  const common = { keepFor: 0, maxHops: DEFAULT_MAX_HOPS };
  return [
    { bound: 'disk', when: { blockio: { above: 0.4 } }, for: 20, action: 'hold', ...common },
    { bound: target.signal, when: { target: { above: 1 } }, for: 0, action: 'scale', ...common },
    { bound: 'dependency', when: { wait: { above: 0.5 } }, for: 20, action: 'follow', ...common },
    { bound: 'lock', when: { lock: { above: 0.5 } }, for: 20, action: 'hold', ...common },
  ];
}

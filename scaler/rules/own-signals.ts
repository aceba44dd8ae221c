import { ofFleet } from '../promql/fleet-template.js';
import { longestRange } from '../promql/syntax.js';
import { ofWorkload, variablesIn } from '../promql/template.js';
import { fillMaxAge } from './max-age.js';
import type { RawGroup, RawRule, RawTarget } from './schema.js';
import type { OwnSignal, RuleGroup } from './types.js';

/** Targets of a rule with an expression of their own, by the signal that it defines. */
function ownExpressions({
  target,
  targets,
}: Pick<RawRule, 'target' | 'targets'>): [string, RawTarget & { expr: string }][] {
  return (targets ?? [target ?? {}]).flatMap((one) =>
    one.expr === undefined || one.signal === undefined ? [] : [[one.signal, { ...one, expr: one.expr }]],
  );
}

/** Signals that the rules of a group define themselves; undefined without any. */
export function ownSignals({ rules }: RawGroup): RuleGroup['own'] {
  const own = rules.flatMap((rule) => {
    const signals = ownExpressions(rule).map(([name, one]) => [name, ownSignal(rule, one)] as const);
    return signals.length > 0 ? [[rule.scale, Object.fromEntries(signals)] as const] : [];
  });
  return own.length > 0 ? Object.fromEntries(own) : undefined;
}

function ownSignal(rule: RawRule, { expr, maxAge }: RawTarget & { expr: string }): OwnSignal {
  const whole = wholeExpression(rule, expr);
  return {
    expr: whole ?? expr,
    maxAge: fillMaxAge(maxAge),
    isBuiltIn: false,
    ...(whole === undefined && { template: expr }),
  };
}

/** One expression for all workloads of a rule; undefined where each needs its own. */
export function wholeExpression({ scaleTargetRef, match }: RawRule, expr: string): string | undefined {
  if (variablesIn(expr).has('pods')) return undefined;
  if (scaleTargetRef) {
    const { namespace, kind, name } = scaleTargetRef;
    return ofWorkload(expr, { namespace, kind, workload: name });
  }
  const { kind, namespace } = match!;
  return ofFleet(expr, { kind, ...(namespace !== undefined && { namespace }) });
}

/** Key under which a group queries a signal of one rule for all of its workloads; no name of a signal has a slash. */
export function ownKey(group: string, rule: string, signal: string): string {
  return `${group}/${rule}/${signal}`;
}

/** Expressions of a group's own signals that have the values of all workloads, by key. */
export function sharedOwn(group: string, own: RuleGroup['own'] = {}): Record<string, OwnSignal> {
  const entries = Object.entries(own).flatMap(([rule, signals]) =>
    Object.entries(signals).flatMap(([name, signal]) =>
      signal.template === undefined ? [[ownKey(group, rule, name), signal] as const] : [],
    ),
  );
  return Object.fromEntries(entries);
}

/** Age limits and ranges of the signals that a rule defines itself. */
export function limitsOf(own: Readonly<Record<string, OwnSignal>> = {}) {
  const entries = Object.entries(own);
  return {
    maxAge: Object.fromEntries(entries.map(([name, { maxAge }]) => [name, maxAge])),
    windows: Object.fromEntries(entries.map(([name, { expr }]) => [name, longestRange(expr)])),
  };
}

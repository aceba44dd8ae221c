import { parseDuration } from '../../common/duration.js';
import type { Idle } from '../core/types.js';
import { fillMaxAge } from './max-age.js';
import type { RawIdle, RawRule } from './schema.js';
import type { SignalQuery } from './types.js';

/** The signals by which workloads wake: one for each rule with `idle`. */
export function activationSignals(rules: readonly RawRule[]): Record<string, SignalQuery> {
  const entries = rules.flatMap((rule, index): [string, SignalQuery][] => {
    if (!rule.idle) return [];
    const { expr, maxAge } = rule.idle.activation;
    const query = {
      expr: rule.scaleTargetRef ? labelled(expr, rule.scaleTargetRef) : expr,
      maxAge: fillMaxAge(maxAge),
      byNewest: true,
      isBuiltIn: false,
    } as const;
    return [[signalOf(rule, index), query]];
  });
  return Object.fromEntries(entries);
}

/** @param index of the rule in its group */
export function fillIdle({ after, replicas = 0, activation }: RawIdle, rule: RawRule, index: number): Idle {
  const { above = 0 } = activation;
  return { after: parseDuration(after), replicas, activation: { signal: signalOf(rule, index), above } };
}

/** Its name; two rules may differ by signs that no name of a signal has. */
function signalOf({ scale }: Pick<RawRule, 'scale'>, index: number): string {
  return `activation_${index + 1}_${scale.replaceAll(/\W/g, '_')}`;
}

/** An expression of one number, as that of a workload. */
function labelled(expr: string, ref: NonNullable<RawRule['scaleTargetRef']>): string {
  const labels = { namespace: ref.namespace, workload: ref.name, workload_kind: ref.kind };
  // The line break ends a comment of the expression.
  return Object.entries(labels).reduce(
    (inner, [label, value]) => `label_replace(${inner}\n, "${label}", ${JSON.stringify(value)}, "", "")`,
    expr,
  );
}

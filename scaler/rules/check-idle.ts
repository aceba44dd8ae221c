import { parseDuration } from '../../common/duration.js';
import type { Path } from '../../common/yaml/document.js';
import { checkPromql } from '../promql/check.js';
import { labelsOf } from '../promql/syntax.js';
import { problem } from './checking.js';
import type { RawRule } from './schema.js';
import type { RuleFinding } from './types.js';

/** Labels that assign a series to a workload. */
const WORKLOAD = ['namespace', 'workload', 'workload_kind'];

/** Checks `idle` of a rule. */
export function checkIdle(rule: Partial<RawRule>, path: Path): RuleFinding[] {
  const { idle, minReplicas = 1, match } = rule;
  if (!idle) return [];
  const { after, replicas = 0, activation } = idle;
  const findings: RuleFinding[] = [];
  if (parseDuration(after) === 0) {
    findings.push(problem('RULE_OUT_OF_RANGE', [...path, 'after'], 'after must be longer than 0s'));
  }
  if (replicas >= minReplicas) {
    const message = `idle.replicas ${replicas} is not below minReplicas ${minReplicas}`;
    findings.push(problem('RULE_CONFLICT', [...path, 'replicas'], message));
  }
  const at = [...path, 'activation', 'expr'];
  const fault = checkPromql(activation.expr);
  if (fault) {
    findings.push({
      code: 'RULE_PROMQL',
      path: at,
      offset: fault.offset,
      message: `activation: ${fault.message}`,
    });
    return findings;
  }
  const missing = WORKLOAD.filter((label) => labelsOf(activation.expr)?.includes(label) === false);
  if (match && missing.length > 0) {
    const message = `activation: the result has no label ${missing.join(' or ')}, so it is of no workload; aggregate by (${WORKLOAD.join(', ')})`;
    findings.push(problem('RULE_PROMQL', at, message));
  }
  return findings;
}
